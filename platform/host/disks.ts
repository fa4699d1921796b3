/** A durable disk of this host: ext4, made, copied, grown and removed apart from any VM. */
export interface Disk {
  /** `v_` and 16 letters or digits. */
  id: string;
  /** What the guest sees; a multiple of 1 MiB. */
  sizeBytes: number;
  /** What it takes of this machine. A copy by reflink counts in full, though it shares its blocks. */
  usedBytes: number;
  labels: Record<string, string>;
  /** ISO 8601. */
  createdAt: string;
  /** The one VM that has it, awake or asleep; null = nobody. */
  holder: string | null;
}

export interface DiskRequest {
  /** A multiple of 1 MiB from 16 MiB to 4 TiB; with `from` at least that one's size. */
  sizeBytes: number;
  labels: Record<string, string>;
  /** Begin with a copy of this one, as it is at this moment; absent = empty. */
  from?: { disk: string };
}

/** A disk in a VM. */
export interface DiskMount {
  disk: string;
  /** Absolute path of a directory in the guest, made when it is not there. */
  path: string;
  /** Mounted so that nothing in the guest writes to it. */
  readOnly?: boolean;
  /** Who an empty disk belongs to; default `app`. One that holds something keeps its owners. */
  owner?: 'app' | 'user' | 'root';
}

/** Most disks in one VM. */
export const MOST_DISKS = 4;
export const MOST_DISK_BYTES = 4 * 1024 ** 4;

/** What the Host contract says of disks. */
export interface DiskHost {
  /**
   * Makes a disk. A copy of one that a VM holds is taken while the VM stands still, with everything written that the guest
   * has yet to write: for an instant where the file system has reflinks, else for as long as copying takes.
   *
   * @throws ThawError `invalid_input` for the size; `not_found` without the one to copy
   */
  createDisk(request: DiskRequest, signal?: AbortSignal): Promise<Disk>;
  /**
   * Makes a disk of what `exportDisk` gave, or of any ext4 image packed with gzip. Nothing of it is mounted here.
   *
   * @throws ThawError `invalid_input` when it is none; `too_large` past `mostBytes`
   */
  importDisk(
    request: { labels: Record<string, string>; mostBytes: number },
    image: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<Disk>;
  /**
   * The raw image, packed with gzip.
   *
   * @throws ThawError `conflict` while a VM holds it: export a copy; `not_found`
   */
  exportDisk(disk: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Makes a disk larger, and its file system too: at once in a VM that runs, else when it is mounted next. @throws ThawError `invalid_input` for a smaller one, `not_found` */
  growDisk(disk: string, sizeBytes: number, signal?: AbortSignal): Promise<Disk>;
  /** Removing one that is gone is no error. @throws ThawError `conflict` while a VM holds it */
  removeDisk(disk: string): Promise<void>;
  disks(): Promise<Disk[]>;
  getDisk(disk: string): Promise<Disk | undefined>;
}
