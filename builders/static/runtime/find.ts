import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** What a URL means in a site. */
export type Found = { path: string; stats: Stats } | { redirect: string };

const INDEX = 'index.html';

/**
 * Finds the file of a URL: itself, `index.html` of a directory, or a page without its ending (`/about` is `about.html`).
 * Files whose names begin with a dot are not served, but for `.well-known`; nor is what a link leads to outside of the site.
 */
export async function findFile(directory: string, url: string): Promise<Found | undefined> {
  const { pathname, search } = new URL(url, 'http://site');
  const path = decoded(pathname);
  if (path === undefined || path.includes('\0')) return undefined;
  const names = path.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '..' || (name.startsWith('.') && name !== '.well-known'))) return undefined;
  const root = await realpath(directory);
  const target = join(root, ...names);
  const itself = await inside(root, target);
  if (itself?.stats.isFile()) return path.endsWith('/') ? undefined : itself;
  if (itself?.stats.isDirectory()) {
    const index = await inside(root, join(target, INDEX));
    // Links in the page are relative to the directory.
    if (index?.stats.isFile()) return path.endsWith('/') ? index : { redirect: `${pathname}/${search}` };
  }
  const page = names.length === 0 ? undefined : await inside(root, `${target}.html`);
  return page?.stats.isFile() && !path.endsWith('/') ? page : undefined;
}

function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}

async function inside(root: string, path: string): Promise<{ path: string; stats: Stats } | undefined> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || !(real === root || real.startsWith(root + sep))) return undefined;
  return { path: real, stats: await stat(real) };
}
