/** A file that a store has. */
export interface StoredFile {
  bytes: number;
  /** Whole seconds since 1970, as it was put; absent where the store keeps no such thing. */
  changedAt?: number;
}

/** A file that is to be put. */
export interface NewFile {
  /** Exactly so many come. */
  bytes: number;
  /** Whole seconds since 1970. */
  changedAt?: number;
  /** Its content, from the beginning each time that it is asked for. What it throws is thrown on as it is. */
  content(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Where files of backups are kept. Paths are relative, their parts are joined by `/`; a folder is the first part of paths.
 *
 * Everything throws ThawError: `unavailable` for what may be better later, `misconfigured` for what the operator has to put right.
 */
export interface BackupStore {
  /** Looks whether files can be kept there. */
  check(signal: AbortSignal): Promise<void>;
  /** The files of a folder, by their paths inside it. */
  list(folder: string, signal: AbortSignal): Promise<Map<string, StoredFile>>;
  /** Writes a file, whole or not at all. */
  put(path: string, file: NewFile, signal: AbortSignal): Promise<void>;
  /** Reads a file. @throws ThawError `not_found` */
  get(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Removes files; those that are not there count as removed. */
  remove(paths: readonly string[], signal: AbortSignal): Promise<void>;
}
