import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isInside } from './inside.ts';
import { isRecord } from './package-json.ts';
import type { Project } from './project.ts';

const MODULES = 'node_modules';
const PROGRAMS = join(MODULES, '.bin');

/**
 * Removes the packages that only the build needed. npm's own note of what it installed says which they are, and taking it by
 * its word saves starting npm. Without that note, so with another manager, and in workspaces, everything stays; so it does
 * when the start command names one of them or one of their programs.
 *
 * @param start the start command
 */
export async function pruneDev({ root, packageJson, tell }: Project, start: string): Promise<void> {
  if (packageJson?.workspaces !== undefined) return;
  const packages = await devPackages(root);
  const called = new Set(start.split(/[^\w@.-]+/));
  if (packages.length === 0 || packages.some(({ names }) => names.some((name) => called.has(name)))) return;
  tell({ say: 'Leaving out devDependencies' });
  for (const { path } of packages) await rm(join(root, path), { recursive: true, force: true });
  await removeDangling(join(root, PROGRAMS));
}

async function devPackages(root: string): Promise<{ path: string; names: string[] }[]> {
  const text = await readFile(join(root, MODULES, '.package-lock.json'), 'utf8').catch(() => '{}');
  const note: unknown = JSON.parse(text);
  const packages = isRecord(note) && isRecord(note.packages) ? Object.entries(note.packages) : [];
  return packages.flatMap(([path, about]) => {
    if (!isRecord(about) || about.dev !== true) return [];
    // The note lies in a directory that install scripts write to.
    if (!isInside(join(root, MODULES), join(root, path))) return [];
    const name = path.slice(path.lastIndexOf(`${MODULES}/`) + MODULES.length + 1);
    return [{ path, names: [name, ...(isRecord(about.bin) ? Object.keys(about.bin) : [])] }];
  });
}

async function removeDangling(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const link = join(directory, name);
    if ((await stat(link).catch(() => undefined)) === undefined) await rm(link);
  }
}
