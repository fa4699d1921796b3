import type { Disk, Host, Template } from '../host/contract.ts';
import { DATA, layOut } from './guest.ts';

/** Raised when the cluster that the image brings is another: disks made before stay as they are. */
const SEED = '17.1';
export const SEED_ROLE = 'database-seed';
const LABELS = { role: SEED_ROLE, seed: SEED };
/** The smallest disk of a database is as large. */
export const SEED_MIB = 512;

/**
 * A disk with the cluster that every database begins with. New ones are copies of it: laying it out takes longer than
 * copying it.
 */
export class Seed {
  readonly #host: Host;
  #making: Promise<Disk> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** The disk to copy; made on first use. */
  async get(template: Template, signal?: AbortSignal): Promise<Disk> {
    const known = (await this.#host.disks()).find(({ labels }) => labels.role === LABELS.role && labels.seed === SEED);
    if (known !== undefined && known.labels.whole === 'yes') return known;
    this.#making ??= this.#make(template).finally(() => {
      this.#making = undefined;
    });
    const made = this.#making;
    signal?.throwIfAborted();
    return made;
  }

  /** Removes those of earlier versions, and what was not finished. */
  async sweep(): Promise<void> {
    for (const { id, labels } of await this.#host.disks()) {
      if (labels.role !== LABELS.role) continue;
      if (labels.seed !== SEED || labels.whole !== 'yes') await this.#host.removeDisk(id);
    }
  }

  async #make(template: Template): Promise<Disk> {
    const host = this.#host;
    const disk = await host.createDisk({ sizeBytes: SEED_MIB * 1024 * 1024, labels: LABELS });
    try {
      const vm = await host.thaw({
        template: template.id,
        labels: LABELS,
        egress: { mode: 'none' },
        memory: 'own',
        disks: [{ disk: disk.id, path: DATA, owner: 'app' }],
      });
      try {
        await layOut(host, vm.id);
        // A copy of a disk in use has all that was written, so it is whole; the one in use goes.
        return await host.createDisk({
          sizeBytes: disk.sizeBytes,
          labels: { ...LABELS, whole: 'yes' },
          from: { disk: disk.id },
        });
      } finally {
        await host.end(vm.id);
      }
    } finally {
      await host.removeDisk(disk.id);
    }
  }
}
