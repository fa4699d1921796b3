import { createHash } from 'node:crypto';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../platform/errors.ts';
import type { Recipe } from '../cache/artifact.ts';
import type { NpmPackage } from '../definition.ts';
import { run } from '../run.ts';

/**
 * A package as the npm registry has it. It is fetched by the host's npm, whose
 * registry, proxy and certificate settings therefore hold; none of its scripts run.
 *
 * Parts: `tgz`. Building throws ThawError `unprocessable` when what came is not
 * what the definition names.
 */
export function packageRecipe(
  { name, version, integrity }: NpmPackage,
  signal: AbortSignal,
  progress: (text: string) => void,
): Recipe<'tgz'> {
  return {
    name: `npm-${name.replace('@', '').replace('/', '-')}`,
    definition: { name, version, integrity },
    parts: ['tgz'],
    async build(dir) {
      const spec = `${name}@${version}`;
      progress(`fetching ${spec}`);
      const args = ['pack', spec, '--ignore-scripts', '--loglevel=error', `--pack-destination=${dir}`];
      await run('npm', args, { cwd: dir, signal });
      const file = (await readdir(dir)).find((entry) => entry.endsWith('.tgz'));
      if (file === undefined) throw new ThawError('internal', `npm pack ${spec} left no file.`);
      const archive = join(dir, file);
      await verify(archive, spec, integrity);
      await rename(archive, join(dir, 'tgz'));
      return {};
    },
  };
}

/** Unpacks a package's own files into an existing directory. */
export async function unpackPackage(tgz: string, dir: string, signal: AbortSignal): Promise<void> {
  const args = ['--extract', `--file=${tgz}`, `--directory=${dir}`, '--strip-components=1', '--no-same-owner'];
  await run('tar', args, { signal });
}

async function verify(archive: string, spec: string, integrity: string): Promise<void> {
  const [algorithm = '', expected] = integrity.split('-');
  const actual = createHash(algorithm)
    .update(await readFile(archive))
    .digest('base64');
  if (actual === expected) return;
  throw new ThawError('unprocessable', `${spec} from the npm registry does not match its checksum.`, {
    hint: 'Check the registry that npm is set up with.',
  });
}
