import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ThawError } from '../../errors.ts';

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const BUSY = 5;

/**
 * Claims a data directory for this process, for as long as the result is not disposed. PGlite keeps no lock of its
 * own, and two of them on one directory destroy it.
 *
 * Node has no file locks, but SQLite's are the kernel's: gone with the process however it ends, not inherited by the
 * VMM processes that outlive the server, and seen across namespaces. The file stays empty.
 *
 * @throws ThawError `conflict` when another server has the directory
 */
export function claimDataDirectory(directory: string): Disposable {
  const path = join(directory, 'lock');
  // Made first, with its mode: who can open it could lock it.
  closeSync(openSync(path, 'a', 0o600));
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw new ThawError('conflict', `Another Thaw server is using the data directory ${directory}.`, {
      hint: 'Stop that server first, or give this one another THAW_DATA.',
      cause: error,
    });
  }
  return { [Symbol.dispose]: () => file.close() };
}
