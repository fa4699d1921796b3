import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ThawApiError } from '../sdk/index.ts';

/** Room for the names of some hundred thousand files. */
const LONGEST_LISTING = 64 * 1024 * 1024;

export interface Listing {
  /** Paths of files and symbolic links, relative to the directory. */
  files: string[];
  /** Repositories inside the repository; like in a push, their content is not part of it. */
  leftOut: string[];
}

export interface ListingOptions {
  /** Environment for git. */
  env: Record<string, string>;
  signal: AbortSignal;
}

/**
 * What a deployment of a directory consists of: in a git repository what git
 * has or would add, elsewhere everything besides `node_modules` and `.git`.
 * A directory that its repository ignores, such as a build's output, counts as elsewhere.
 *
 * @throws ThawApiError `misconfigured` when git is there but refuses: files that
 *   are ignored for a reason are not sent on a guess
 */
export async function listFiles(directory: string, options: ListingOptions): Promise<Listing> {
  if (!(await isGits(directory, options))) return { files: await walk(directory, ''), leftOut: [] };
  const argv = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--exclude=node_modules'];
  const listed = (await git(directory, argv, options)).split('\0').filter((path) => path !== '');
  const listing: Listing = { files: [], leftOut: [] };
  // During a merge a path is listed once for each side.
  for (const path of new Set(listed)) {
    const found = await lstat(join(directory, path)).catch(() => undefined);
    if (found === undefined) continue; // Deleted, and the deletion is not committed yet.
    if (found.isDirectory()) listing.leftOut.push(path.replace(/\/$/, ''));
    else listing.files.push(path);
  }
  return listing;
}

async function isGits(directory: string, options: ListingOptions): Promise<boolean> {
  if (!hasRepository(directory)) return false;
  try {
    if ((await git(directory, ['rev-parse', '--is-inside-work-tree'], options)).trim() !== 'true') return false;
  } catch (error) {
    if (error instanceof ThawApiError && error.message.includes('not a git repository')) return false;
    throw error;
  }
  // `check-ignore` fails when the path is not ignored, and when it is the repository's root.
  const ignored = await git(directory, ['check-ignore', '--quiet', directory], options).then(
    () => true,
    () => false,
  );
  return !ignored;
}

function hasRepository(directory: string): boolean {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true;
    if (at === dirname(at)) return false;
  }
}

async function walk(root: string, below: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    if (entry.name === '.git' || entry.name === 'node_modules') continue;
    const path = join(below, entry.name);
    if (entry.isDirectory()) files.push(...(await walk(root, path)));
    else if (entry.isFile() || entry.isSymbolicLink()) files.push(path);
  }
  return files.sort();
}

async function git(directory: string, argv: string[], { env, signal }: ListingOptions): Promise<string> {
  try {
    const settings = { cwd: directory, env: { ...env, LC_ALL: 'C' }, signal, maxBuffer: LONGEST_LISTING };
    return (await promisify(execFile)('git', argv, settings)).stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const { code, stderr } = cause as { code?: unknown; stderr?: string };
    throw code === 'ENOENT'
      ? new ThawApiError(
          'misconfigured',
          `${directory} is in a git repository, but there is no git to ask what it ignores.`,
          {
            hint: 'Install git.',
            cause,
          },
        )
      : new ThawApiError('misconfigured', `git cannot list ${directory}: ${(stderr ?? '').trim()}`, {
          hint: 'Nothing was sent, because it is not known what the repository ignores.',
          cause,
        });
  }
}
