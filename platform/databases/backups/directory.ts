import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { BackupStore, NewFile, StoredFile } from './store.ts';

/** Backups in a directory of this machine, or of another one that is mounted. */
export class DirectoryStore implements BackupStore {
  readonly #root: string;

  /** @param root absolute path; made when it is needed */
  constructor(root: string) {
    this.#root = root;
  }

  async check(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw new ThawError('misconfigured', 'The directory for backups cannot be made.', {
        hint: 'Correct THAW_BACKUPS.',
        cause,
      });
    });
  }

  async list(folder: string): Promise<Map<string, StoredFile>> {
    const root = join(this.#root, folder);
    const files = new Map<string, StoredFile>();
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(ignoringAbsence([]));
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = await stat(path);
      files.set(path.slice(root.length + 1), { bytes: size, changedAt: Math.floor(mtimeMs / 1000) });
    }
    return files;
  }

  async put(path: string, { changedAt, content }: NewFile, signal: AbortSignal): Promise<void> {
    const target = join(this.#root, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const beside = `${target}.new`;
    {
      await using file = await open(beside, 'w', 0o600);
      for await (const chunk of content(signal)) await file.writeFile(chunk);
      await file.sync();
    }
    if (changedAt !== undefined) await utimes(beside, changedAt, changedAt);
    await rename(beside, target);
  }

  async *get(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* createReadStream(join(this.#root, path), { signal });
    } catch (error) {
      if (isAbsence(error)) throw new ThawError('not_found', 'A file of the backups is not there.', { cause: error });
      throw error;
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (const path of paths) {
      await rm(join(this.#root, path), { force: true });
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
    }
    // The deepest first: what has become empty goes too.
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
      await rmdir(join(this.#root, folder)).catch(() => {});
    }
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function ignoringAbsence<T>(otherwise: T): (error: unknown) => T {
  return (error) => {
    if (isAbsence(error)) return otherwise;
    throw error;
  };
}
