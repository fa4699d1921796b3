import { chmod, cp, lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Artifact, Recipe } from '../cache/artifact.ts';
import { SOURCE_DATE_EPOCH } from '../debian/bootstrap.ts';
import { type ImageDefinition, lineage } from '../definition.ts';
import { toolchainRecipe } from '../go/toolchain.ts';
import { packageRecipe, unpackPackage } from '../npm/download.ts';
import { run } from '../run.ts';
import { compileAddon } from './addon.ts';

/** Where the guest's agent is in every image. */
export const AGENT_PATH = '/usr/local/bin/thaw-agent';

export interface Composition {
  image: ImageDefinition;
  /** The Debian root that it starts from, a tar file. */
  rootfs: string;
  /** The agent's program. */
  agent: string;
  /** Existing empty directory to work in; the tree is `<dir>/root`. */
  dir: string;
  /** Answers what a recipe makes, building it when it is not there. */
  ensure(recipe: Recipe<string>): Promise<Artifact>;
  signal: AbortSignal;
  progress(text: string): void;
}

/**
 * Puts an image's tree together: Debian, then each image of its lineage, then the agent.
 *
 * @returns path of the tree's root
 */
export async function composeTree({
  image,
  rootfs,
  agent,
  dir,
  ensure,
  signal,
  progress,
}: Composition): Promise<string> {
  const root = join(dir, 'root');
  await mkdir(root);
  // Device nodes come from the guest's kernel.
  await run(
    'tar',
    [
      '--extract',
      `--file=${rootfs}`,
      `--directory=${root}`,
      '--numeric-owner',
      '--same-permissions',
      '--exclude=./dev/*',
    ],
    { signal },
  );

  for (const layer of lineage(image)) {
    for (const wanted of layer.npm) {
      const fetched = await ensure(packageRecipe(wanted, signal, progress));
      const files = join(dir, 'npm', wanted.name);
      await mkdir(files, { recursive: true });
      await unpackPackage(fetched.path('tgz'), files, signal);
      for (const { from, to } of wanted.copy) {
        await place(root, to, (path) => cp(join(files, from), path, { recursive: true }));
      }
    }
    if (layer.go !== undefined) {
      const toolchain = await ensure(toolchainRecipe(layer.go, signal, progress));
      await run('tar', ['--extract', `--file=${toolchain.path('tar')}`, `--directory=${root}`], { signal });
    }
    for (const addon of layer.addons) await place(root, addon.to, (path) => compileAddon(addon.source, path, signal));
    for (const file of layer.files) await place(root, file.path, (path) => writeFile(path, file.text));
    for (const link of layer.links) await place(root, link.path, (path) => symlink(link.target, path));
  }
  await place(root, AGENT_PATH, (path) => cp(agent, path));
  await chmod(join(root, AGENT_PATH), 0o755);
  await clampTimes(root, signal);
  return root;
}

/** Gives what this build has written the one time of everything else, so that it does not show when it was written. */
async function clampTimes(root: string, signal: AbortSignal): Promise<void> {
  const time = `@${SOURCE_DATE_EPOCH}`;
  const touch = ['-exec', 'touch', '--no-dereference', `--date=${time}`, '{}', '+'];
  await run('find', [root, '-newermt', time, ...touch], { signal });
}

/** Makes way for an entry, parents included. A link in its place must not lead the write out of the tree. */
async function place(root: string, path: string, write: (target: string) => Promise<void>): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  if (await lstat(target).catch(() => undefined)) await rm(target, { recursive: true });
  await write(target);
}
