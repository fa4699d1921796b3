import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../platform/errors.ts';
import type { Recipe } from '../cache/artifact.ts';
import { bootstrap, SUITE } from '../debian/bootstrap.ts';
import { extractVmlinux } from './extract-vmlinux.ts';
import { GUEST_MODULES, packInitramfs } from './initramfs.ts';
import { modulesInOrder } from './modules.ts';

/** The distribution's kernel for virtual machines, and the one program of the initramfs. */
const PACKAGES = ['linux-image-cloud-amd64', 'busybox-static'];

/**
 * The guests' kernel as an ELF file and its initramfs, from the distribution's packages.
 *
 * Parts: `vmlinux`, `initramfs`. Facts: `release`, e.g. `6.1.0-40-cloud-amd64`.
 */
export async function kernelRecipe(
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Recipe<'vmlinux' | 'initramfs'>> {
  const init = await readFile(new URL('init.sh', import.meta.url), 'utf8');
  return {
    name: 'kernel',
    definition: { format: 1, suite: SUITE, packages: PACKAGES, modules: GUEST_MODULES, init },
    parts: ['vmlinux', 'initramfs'],
    async build(dir) {
      const tree = join(dir, 'tree');
      progress('fetching the kernel package');
      await bootstrap({ variant: 'extract', packages: PACKAGES, target: tree, format: 'directory', signal });
      const release = await releaseIn(join(tree, 'boot'));

      progress(`unpacking ${release}`);
      await writeFile(join(dir, 'vmlinux'), extractVmlinux(await readFile(join(tree, 'boot', `vmlinuz-${release}`))));
      const modules = await modulesInOrder(join(tree, 'lib', 'modules', release), GUEST_MODULES);
      const busybox = await readFile(join(tree, 'bin', 'busybox'));
      await writeFile(join(dir, 'initramfs'), packInitramfs(init, busybox, modules));
      // The VMM runs as a user of its own.
      for (const part of ['vmlinux', 'initramfs']) await chmod(join(dir, part), 0o644);
      return { release };
    },
  };
}

async function releaseIn(boot: string): Promise<string> {
  const prefix = 'vmlinuz-';
  const file = (await readdir(boot)).find((name) => name.startsWith(prefix));
  if (file === undefined) throw new ThawError('internal', 'The kernel package holds no kernel.');
  return file.slice(prefix.length);
}
