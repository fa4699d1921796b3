import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Failed } from './say.ts';

/** True when `path` is `root` or below it, by its words alone. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root + sep);
}

/** Where a path really leads, through all links; undefined when there is nothing. */
export async function real(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

/**
 * Refuses a tree that holds a link out of itself.
 *
 * @param root real path of the tree
 */
export async function refuseLinksOut(root: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = join(entry.parentPath, entry.name);
    const target = await readlink(link);
    const end = (await real(link)) ?? resolve(dirname(link), target);
    if (isInside(root, end) && !target.startsWith('/')) continue;
    throw new Failed(`The link ${relative(root, link)} points outside the repository, to ${target}.`, {
      hint: 'Replace it with a file, or with a relative link to something inside the repository.',
    });
  }
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
