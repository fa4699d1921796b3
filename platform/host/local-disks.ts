import { open, truncate } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThawError } from '../errors.ts';
import { copySparse } from './disk/copy.ts';
import { makeExt4, sizeOfExt4 } from './disk/ext4.ts';
import { type DiskStore, newDiskId } from './disk/store.ts';
import { packed, unpackInto } from './disk/stream.ts';
import { type Disk, type DiskHost, type DiskRequest, MOST_DISK_BYTES } from './disks.ts';
import { growDisks, whileStill } from './vms/disks.ts';
import type { Inventory } from './vms/inventory.ts';

const MIB = 1024 * 1024;
const LEAST_BYTES = 16 * MIB;
/** How often it is looked whether a VM that comes or goes has come or gone. */
const AGAIN_MS = 20;

/** The disks of this machine, together with the VMs that hold them. */
export class LocalDisks implements DiskHost {
  readonly #store: DiskStore;
  readonly #vms: Inventory;

  constructor(store: DiskStore, vms: Inventory) {
    this.#store = store;
    this.#vms = vms;
  }

  async createDisk({ sizeBytes, labels, from }: DiskRequest, signal?: AbortSignal): Promise<Disk> {
    const store = this.#store;
    checkSize(sizeBytes);
    const id = newDiskId();
    if (from === undefined) {
      const empty = async (path: string) => {
        await makeSparse(path, sizeBytes);
        await makeExt4(path);
      };
      return store.describe(await store.make({ id, labels }, empty));
    }
    const source = from.disk;
    if (sizeBytes < store.get(source).sizeBytes) {
      throw new ThawError('invalid_input', 'A copy is at least as large as what it is a copy of.');
    }
    const copy = () =>
      store.make({ id, labels }, async (path) => {
        signal?.throwIfAborted();
        await copySparse(store.image(source), path);
        await truncate(path, sizeBytes);
      });
    return store.describe(await this.#withHolder(source, copy, (vm) => whileStill(vm, copy, signal)));
  }

  async importDisk(
    { labels, mostBytes }: { labels: Record<string, string>; mostBytes: number },
    image: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<Disk> {
    const fill = async (path: string) => {
      const bytes = await unpackInto(path, image, Math.min(mostBytes, MOST_DISK_BYTES), signal);
      if ((await sizeOfExt4(path)) > bytes) throw new ThawError('invalid_input', 'The image is not whole.');
      await truncate(path, Math.max(LEAST_BYTES, Math.ceil(bytes / MIB) * MIB));
    };
    return this.#store.describe(await this.#store.make({ id: newDiskId(), labels }, fill));
  }

  async *exportDisk(id: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    using _reading = this.#store.read(id);
    yield* packed(this.#store.image(id), signal);
  }

  async growDisk(id: string, sizeBytes: number, signal?: AbortSignal): Promise<Disk> {
    const store = this.#store;
    checkSize(sizeBytes);
    const enlarge = async () => {
      const { sizeBytes: now } = store.get(id);
      if (sizeBytes < now) {
        throw new ThawError('invalid_input', `A disk does not become smaller; this one has ${now / MIB} MiB.`);
      }
      if (sizeBytes > now) await store.enlarge(id, sizeBytes);
    };
    await this.#withHolder(id, enlarge, async (vm) => {
      if (vm.record.paused) throw new ThawError('conflict', 'The VM that has this disk stands still.');
      await enlarge();
      const { machine, agent, record } = vm;
      await growDisks(store, { machine, guest: agent.disks, disks: record.disks ?? [] }, signal);
      await vm.remember({});
    });
    return store.describe(store.get(id));
  }

  removeDisk(id: string): Promise<void> {
    return this.#store.remove(id);
  }

  disks(): Promise<Disk[]> {
    return Promise.all(this.#store.list().map((record) => this.#store.describe(record)));
  }

  async getDisk(id: string): Promise<Disk | undefined> {
    return this.#store.has(id) ? this.#store.describe(this.#store.get(id)) : undefined;
  }

  /**
   * Does something with a disk as it can be done now: `still` when nobody has it or who has it sleeps, `running` when that
   * one runs. Meanwhile nobody takes it, wakes, sleeps or ends.
   */
  async #withHolder<T>(
    id: string,
    still: () => Promise<T>,
    running: (vm: ReturnType<Inventory['awake']>) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      const { holder } = this.#store.get(id);
      const unchanged = () => this.#store.get(id).holder === holder;
      const attempt = async (): Promise<{ done: T } | undefined> => {
        if (!unchanged()) return undefined;
        const vm = holder === null ? undefined : this.#vms.running.get(holder);
        // One that has just got it is on its way up, or down again.
        if (holder !== null && vm === undefined && !this.#vms.sleeping.has(holder)) return undefined;
        return { done: await (vm === undefined ? still() : running(vm)) };
      };
      const outcome = await (holder === null ? this.#store.turn(id, attempt) : this.#vms.turn(holder, attempt));
      if (outcome !== undefined) return outcome.done;
      await sleep(AGAIN_MS);
    }
  }
}

function checkSize(bytes: number): void {
  if (Number.isInteger(bytes / MIB) && bytes >= LEAST_BYTES && bytes <= MOST_DISK_BYTES) return;
  throw new ThawError('invalid_input', 'A disk has 16 MiB to 4 TiB, in whole MiB.');
}

async function makeSparse(path: string, bytes: number): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.truncate(bytes);
}
