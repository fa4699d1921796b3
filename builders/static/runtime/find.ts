import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

export interface File {
  /** Real, through all links. */
  path: string;
  stats: Stats;
}

/** What a URL means in a site. */
export type Found = File | { redirect: string };

const INDEX = 'index.html';

/**
 * Finds the file of a URL: itself, `index.html` of a directory, or a page without its ending (`/about` is `about.html`).
 * Names that begin with a dot are not served, but for `.well-known`; nor is what a link leads to outside of the site.
 */
export async function findFile(directory: string, url: string): Promise<Found | undefined> {
  const [pathname = ''] = url.split('?', 1);
  const path = decoded(pathname);
  if (path === undefined || !path.startsWith('/') || path.includes('\0')) return undefined;
  const isDirectory = path.endsWith('/');
  const names = path.split('/').slice(1, isDirectory ? -1 : undefined);
  if (names.some((name) => name === '' || isHidden(name))) return undefined;
  const root = await realpath(directory);
  const target = join(root, ...names);
  // Links in a page are relative to where it is, so each page has one place.
  const place = `/${names.map(encodeURIComponent).join('/')}`;
  const search = url.slice(pathname.length);
  const itself = await inside(root, target);
  if (itself?.stats.isFile()) return isDirectory ? undefined : itself;
  if (itself?.stats.isDirectory()) {
    const index = await inside(root, join(target, INDEX));
    if (index?.stats.isFile()) return isDirectory ? index : { redirect: `${place}/${search}` };
  }
  if (names.length === 0) return undefined;
  const page = await inside(root, `${target}.html`);
  if (!page?.stats.isFile()) return undefined;
  return isDirectory ? { redirect: `${place}${search}` } : page;
}

/**
 * What is at a path, unless a link leads out of `root` to it, or to a hidden name.
 *
 * @param root a real path
 */
export async function inside(root: string, path: string): Promise<File | undefined> {
  try {
    const real = await realpath(path);
    const names = relative(root, real).split(sep);
    return names.some(isHidden) ? undefined : { path: real, stats: await stat(real) };
  } catch {
    return undefined;
  }
}

/** Also `..`, which is the way out. */
function isHidden(name: string): boolean {
  return name.startsWith('.') && name !== '.well-known';
}

function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}
