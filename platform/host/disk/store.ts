import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Disk } from '../disks.ts';
import { randomId } from '../ids.ts';
import { DISK_FILES, type DiskRecord, readDiskRecord, syncDirectory, writeDiskRecord } from './record.ts';

const UNFINISHED = '.making-';
/** Unit of `blocks` in stat(2), whatever the file system's own is. */
const STAT_BLOCK = 512;

/** What a new disk's record begins with. */
export interface NewDisk {
  id: string;
  labels: Record<string, string>;
  /** The VM that has it from the first moment on; absent = nobody. */
  holder?: string;
}

/**
 * Disks in one directory, each in its own. Who holds a disk, and how often it was given out, is written down before it
 * is true; a record that says more than is true costs a new start, one that says less could cost a disk.
 */
export class DiskStore {
  readonly #directory: string;
  readonly #known = new Map<string, DiskRecord>();
  readonly #turning = new Map<string, Promise<unknown>>();
  /** How many read each of them. */
  readonly #reading = new Map<string, number>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Reads what is there, and removes what was never finished. */
  static async open(directory: string, log: Log): Promise<DiskStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const store = new DiskStore(directory);
    for (const name of await readdir(directory)) {
      if (name.startsWith(UNFINISHED)) await rm(join(directory, name), { recursive: true, force: true });
      if (!name.startsWith('v_')) continue;
      try {
        store.#known.set(name, await readDiskRecord(join(directory, name)));
      } catch (error) {
        // Its data may be good: it is left for a person to look at.
        log.error({ err: error, disk: name }, 'the record of a disk cannot be read');
      }
    }
    return store;
  }

  /** @throws ThawError `not_found` */
  get(id: string): DiskRecord {
    const record = this.#known.get(id);
    if (record === undefined) throw new ThawError('not_found', 'There is no such disk on this host.');
    return record;
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  list(): DiskRecord[] {
    return [...this.#known.values()];
  }

  /** Path of a disk's image. */
  image(id: string): string {
    return join(this.#directory, id, DISK_FILES.image);
  }

  /**
   * Makes a disk: `fill` puts its image at the path that it is given. It is there when it is whole and synced, or not at all.
   */
  async make(disk: NewDisk, fill: (path: string) => Promise<void>): Promise<DiskRecord> {
    const making = join(this.#directory, UNFINISHED + disk.id);
    const image = join(making, DISK_FILES.image);
    try {
      await mkdir(making, { mode: 0o700 });
      await fill(image);
      await chmod(image, 0o666); // each VMM has its own user; the directory is closed to all others
      await sync(image);
      const record: DiskRecord = {
        format: 1,
        id: disk.id,
        sizeBytes: (await stat(image)).size,
        labels: disk.labels,
        createdAt: new Date().toISOString(),
        holder: disk.holder ?? null,
        generation: 0,
      };
      await writeDiskRecord(making, record);
      await rename(making, join(this.#directory, disk.id));
      await syncDirectory(this.#directory);
      this.#known.set(disk.id, record);
      return record;
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }

  /**
   * Gives a disk to a VM that is about to run, and voids every snapshot of an earlier run.
   *
   * @returns the disk's new generation
   * @throws ThawError `conflict` when another VM has it, `not_found`
   */
  hold(id: string, vm: string): Promise<number> {
    return this.turn(id, async () => {
      const { holder, generation } = this.get(id);
      this.#mustNotBeRead(id);
      if (holder !== null && holder !== vm) {
        throw new ThawError('conflict', 'Another VM has this disk.', { hint: 'A disk is in one VM at a time.' });
      }
      await this.#change(id, { holder: vm, generation: generation + 1 });
      return generation + 1;
    });
  }

  /**
   * Keeps a disk from being given out or removed until it is disposed.
   *
   * @throws ThawError `conflict` while a VM has it, `not_found`
   */
  read(id: string): Disposable {
    if (this.get(id).holder !== null) {
      throw new ThawError('conflict', 'A VM has this disk.', { hint: 'Copy it, and export the copy.' });
    }
    this.#reading.set(id, (this.#reading.get(id) ?? 0) + 1);
    return { [Symbol.dispose]: () => void this.#reading.set(id, (this.#reading.get(id) ?? 1) - 1) };
  }

  /** Takes a disk back from a VM whose process is gone. */
  async release(id: string, vm: string): Promise<void> {
    if (this.#known.get(id)?.holder === vm) await this.#change(id, { holder: null });
  }

  /** Takes back what VMs held that are not there any more. */
  async releaseAllBut(vms: ReadonlySet<string>): Promise<void> {
    for (const { id, holder } of this.list()) {
      if (holder !== null && !vms.has(holder)) await this.release(id, holder);
    }
  }

  /** Makes the image larger; what is in it stays as it is. */
  async enlarge(id: string, sizeBytes: number): Promise<void> {
    await using file = await open(this.image(id), 'r+');
    await file.truncate(sizeBytes);
    await file.sync();
    await this.#change(id, { sizeBytes });
  }

  /** @throws ThawError `conflict` while a VM has it */
  remove(id: string): Promise<void> {
    return this.turn(id, async () => {
      const record = this.#known.get(id);
      if (record === undefined) return;
      if (record.holder !== null) {
        throw new ThawError('conflict', 'A VM has this disk.', { hint: 'End the VM first.' });
      }
      this.#mustNotBeRead(id);
      this.#known.delete(id);
      const gone = join(this.#directory, UNFINISHED + randomId('', 8));
      await rename(join(this.#directory, id), gone);
      await rm(gone, { recursive: true, force: true });
    });
  }

  async describe(record: DiskRecord): Promise<Disk> {
    const { id, sizeBytes, labels, createdAt, holder } = record;
    const { blocks } = await stat(this.image(id));
    return { id, sizeBytes, usedBytes: blocks * STAT_BLOCK, labels, createdAt, holder };
  }

  /** One thing with a disk that nobody holds after the other. */
  async turn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turning = (this.#turning.get(id) ?? Promise.resolve()).catch(() => {}).then(work);
    this.#turning.set(id, turning);
    try {
      return await turning;
    } finally {
      if (this.#turning.get(id) === turning) this.#turning.delete(id);
    }
  }

  #mustNotBeRead(id: string): void {
    if ((this.#reading.get(id) ?? 0) === 0) return;
    throw new ThawError('conflict', 'This disk is being exported.', { hint: 'Try again when that is over.' });
  }

  async #change(id: string, change: Partial<DiskRecord>): Promise<void> {
    const record = { ...this.get(id), ...change };
    // In memory first: between two changes of one disk the second begins with the first.
    this.#known.set(id, record);
    await writeDiskRecord(join(this.#directory, id), record);
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

export function newDiskId(): string {
  return randomId('v_', 16);
}
