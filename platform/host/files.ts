/** What the Host contract says of the files of a VM. Paths are absolute. */

export interface FileEntry {
  name: string;
  path: string;
  /** Of a symlink: what it leads to, and `symlink` when that is not there. */
  type: 'file' | 'directory' | 'symlink' | 'other';
  sizeBytes: number;
  /** Permissions, as `0o644`. */
  mode: number;
  owner: string;
  group: string;
  /** ISO 8601. */
  modifiedAt: string;
  /** Where a symlink leads; null for what is none. */
  target: string | null;
}

/** What happened beneath a watched directory. */
export interface FileChange {
  type: 'create' | 'write' | 'remove' | 'rename' | 'chmod';
  /** Of `rename` the old one; the new one is created. */
  path: string;
}

/** Who makes what is made; default `app`. */
export type FileUser = 'app' | 'root' | 'user';

/** Files of a VM. */
export interface FileHost {
  /**
   * The bytes of a file as they come, read with the permissions of a user.
   *
   * @throws ThawError `not_found`, `forbidden`, `invalid_input` for what is no file; `unavailable` when it breaks off
   */
  readFile(vm: string, path: string, user: FileUser, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** @throws ThawError `not_found` */
  statFile(vm: string, path: string, signal?: AbortSignal): Promise<FileEntry>;
  /**
   * What is in a directory, by name, each directory before what is in it. Symlinks below are not followed.
   *
   * @param depth of directories below; 1 is the directory's own entries
   * @throws ThawError `not_found`, `invalid_input` for what is no directory, `too_large`
   */
  listFiles(vm: string, path: string, depth: number, signal?: AbortSignal): Promise<FileEntry[]>;
  /** Makes a directory, and those above it. @throws ThawError `conflict` when it is there, `invalid_input`, `unprocessable` for a full disk */
  makeDirectory(vm: string, path: string, user: FileUser, signal?: AbortSignal): Promise<FileEntry>;
  /** Moves what is at a path; a file that is at the new one is replaced. @throws ThawError `not_found`, `conflict`, `unprocessable` */
  moveFile(vm: string, from: string, to: string, user: FileUser, signal?: AbortSignal): Promise<FileEntry>;
  /** Removes what is at a path, with all that is in it. What is not there needs no removing. @throws ThawError `invalid_input` */
  removeFile(vm: string, path: string, signal?: AbortSignal): Promise<void>;
  /**
   * What happens in a directory from when this says `watching`, until `signal` fires.
   *
   * @throws ThawError `not_found`, `invalid_input` for what is no directory; `unavailable` when changes came too fast
   */
  watchFiles(
    vm: string,
    path: string,
    recursive: boolean,
    signal?: AbortSignal,
  ): AsyncIterable<FileChange | { type: 'watching' }>;
}
