import type { Disk, Host, Template } from '../host/contract.ts';
import { DATA, layOut } from './guest.ts';

/** Raised when the cluster that the image brings is another: disks made before stay as they are. */
const SEED = '17.2';
export const SEED_ROLE = 'database-seed';
export const DEFAULT_DISK_MIB = 8192;
export const LEAST_DISK_MIB = 512;
/** A copy that is larger has to grow in the guest, which takes longer than all else: the usual size has a seed of its own. */
const SIZES = [DEFAULT_DISK_MIB, LEAST_DISK_MIB] as const;
const MIB = 1024 * 1024;

/**
 * Disks with the cluster that every database begins with. New ones are copies of them: laying it out takes longer than
 * copying it.
 */
export class Seed implements AsyncDisposable {
  readonly #host: Host;
  readonly #making = new Map<number, Promise<Disk>>();
  readonly #closing = new AbortController();

  constructor(host: Host) {
    this.#host = host;
  }

  /** The disk to copy for one of this size; made on first use. */
  async get(template: Template, diskMiB: number): Promise<Disk> {
    const sizeMiB = SIZES.find((size) => size <= diskMiB) ?? LEAST_DISK_MIB;
    const known = (await this.#host.disks()).find(
      ({ labels, sizeBytes }) => isWhole(labels) && sizeBytes === sizeMiB * MIB,
    );
    if (known !== undefined) return known;
    const making = this.#making.get(sizeMiB) ?? this.#make(template, sizeMiB);
    this.#making.set(sizeMiB, making);
    return making.finally(() => this.#making.delete(sizeMiB));
  }

  /** Removes those of earlier versions, and what was not finished. */
  async sweep(): Promise<void> {
    for (const { id, labels } of await this.#host.disks()) {
      if (labels.role === SEED_ROLE && !isWhole(labels)) await this.#host.removeDisk(id);
    }
  }

  /** Ends what is being made, and leaves nothing of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#making.values());
  }

  async #make(template: Template, sizeMiB: number): Promise<Disk> {
    const host = this.#host;
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const labels = { role: SEED_ROLE, seed: SEED };
    const disk = await host.createDisk({ sizeBytes: sizeMiB * MIB, labels });
    try {
      const disks = [{ disk: disk.id, path: DATA, owner: 'app' as const }];
      const request = {
        template: template.id,
        labels,
        egress: { mode: 'none' as const },
        memory: 'own' as const,
        disks,
      };
      const vm = await host.thaw(request, signal);
      try {
        await layOut(host, vm.id, signal);
        // A copy of a disk in use has all that was written, so it is whole; the one in use goes.
        const whole = { ...labels, whole: 'yes' };
        return await host.createDisk({ sizeBytes: disk.sizeBytes, labels: whole, from: { disk: disk.id } });
      } finally {
        await host.end(vm.id);
      }
    } finally {
      await host.removeDisk(disk.id);
    }
  }
}

function isWhole(labels: Record<string, string>): boolean {
  return labels.role === SEED_ROLE && labels.seed === SEED && labels.whole === 'yes';
}
