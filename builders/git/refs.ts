import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

const HEADS = 'refs/heads';
/** A loose ref, or a line of `packed-refs`: a commit, and there its name. */
const COMMIT = /^[0-9a-f]{40}$/;
const PACKED = new RegExp(`^([0-9a-f]{40}) ${HEADS}/(.+)$`);

/**
 * The commit of each branch of a bare repository, read from its files: a git for each of a thousand repositories takes
 * seconds. A loose ref counts more than a packed one, as it does for git.
 * https://git-scm.com/docs/gitrepository-layout, https://git-scm.com/docs/git-pack-refs
 */
export async function readBranches(repository: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  // The loose ones first: git packs a ref before it removes the loose file, so none is missed on its way.
  const loose = await readLoose(join(repository, HEADS));
  for (const line of (await readFileIfThere(join(repository, 'packed-refs'))).split('\n')) {
    const [, commit, name] = PACKED.exec(line) ?? [];
    if (commit !== undefined && name !== undefined) found.set(name, commit);
  }
  for (const [name, commit] of loose) found.set(name, commit);
  return found;
}

async function readLoose(heads: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(heads, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.lock')) continue;
    const path = join(entry.parentPath, entry.name);
    const commit = (await readFileIfThere(path)).trim();
    if (COMMIT.test(commit)) found.set(relative(heads, path), commit);
  }
  return found;
}

/** Empty for a file that is not there, or not any more. */
async function readFileIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
