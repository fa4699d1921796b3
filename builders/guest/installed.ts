import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { exists } from './inside.ts';

/** Directories that an install step fills. */
const INSTALLED = new Set(['node_modules', '.venv']);

/**
 * Moves what was installed in one tree into another one, which then takes its place: the next commit of the same project,
 * with the same manifests.
 */
export async function takeOver(from: string, to: string): Promise<void> {
  for (const path of await installedIn(from)) {
    const target = join(to, path);
    // A directory that the new tree does not have any more needs no packages.
    if (dirname(path) !== '.' && !(await exists(dirname(target)))) continue;
    await rm(target, { recursive: true, force: true });
    await mkdir(dirname(target), { recursive: true });
    await rename(join(from, path), target);
  }
  await rm(from, { recursive: true, force: true });
  await rename(to, from);
}

/** Their paths below the tree; none inside another. */
async function installedIn(root: string): Promise<string[]> {
  const found: string[] = [];
  const look = async (directory: string) => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (INSTALLED.has(entry.name)) found.push(relative(root, path));
      else if (entry.isDirectory() && entry.name !== '.git') await look(path);
    }
  };
  await look(root);
  return found;
}
