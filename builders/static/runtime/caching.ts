import { basename } from 'node:path';
import type { File } from './find.ts';

const YEAR_S = 31_536_000;
/** The last part of a name before its ending: `3f9a1c2b` of `app.3f9a1c2b.js` and of `app-3f9a1c2b.js`. */
const LAST_PART = /[.-]([\w]+)\.(?!html?$)\w+$/;
/**
 * Hashes as bundlers write them: hexadecimal digits (webpack, Next.js), capitals and digits (esbuild), all of them (Vite,
 * Rollup). A word, a date or a number is none of these; to take one for a hash would keep a file in browsers for a year.
 */
const HASHES = [
  /^(?=.*\d)(?=.*[a-f])[\da-f]{8,64}$/,
  /^(?=.*\d)(?=.*[A-Z])[A-Z2-7]{8}$/,
  /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])\w{8,22}$/,
];

/** How long a browser keeps a file: for good where its name changes with what is in it, else only after asking. */
export function lifetimeOf(path: string): string {
  const part = LAST_PART.exec(basename(path))?.[1];
  const isHashed = part !== undefined && HASHES.some((hash) => hash.test(part));
  return isHashed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache';
}

/**
 * Names a file's content. By the time when it was put there, the same in all copies of an instance: its own date comes from
 * a commit or an upload, where two versions may have the same.
 */
export function tagOf({ stats }: File): string {
  return `"${stats.size.toString(36)}-${Math.round(stats.ctimeMs * 1000).toString(36)}"`;
}

/** Whether an `If-None-Match` header names the tag. Proxies that compress make tags weak (`W/`). */
export function isCurrent(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag);
}
