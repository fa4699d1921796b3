import { copySparse } from '../disk/copy.ts';
import { type DiskStore, type Making, newDiskId } from '../disk/store.ts';
import type { HeldDisk } from './disks.ts';
import type { StartPlan } from './start.ts';

/**
 * New disks of a VM that goes on from where another one stood, in which those were mounted. They are that VM's from the
 * first moment on.
 */
export class CopiedDisks {
  /** What the new VM's plan says of them. */
  readonly plan: Pick<StartPlan, 'disks' | 'disksMounted'>;
  readonly #store: DiskStore;
  readonly #vm: { id: string; labels: Record<string, string> };
  readonly #held: HeldDisk[];

  constructor(
    store: DiskStore,
    originals: readonly Omit<HeldDisk, 'disk' | 'generation'>[] | undefined,
    vm: { id: string; labels: Record<string, string> },
  ) {
    this.#store = store;
    this.#vm = vm;
    this.#held = (originals ?? []).map((one) => ({ ...one, disk: newDiskId(), generation: 0 }));
    this.plan = originals === undefined ? {} : { disks: this.#held, disksMounted: true };
  }

  /** Begins them; `copy` puts their contents there, and `finish` makes them disks. Disposing it removes what is not finished. */
  async begin(): Promise<{ copy(images: string[]): Promise<void>; finish(): Promise<void> } & AsyncDisposable> {
    await using opened = new AsyncDisposableStack();
    const makings: Making[] = [];
    for (const { disk } of this.#held) {
      makings.push(opened.use(await this.#store.begin({ id: disk, labels: this.#vm.labels, holder: this.#vm.id })));
    }
    const begun = opened.move();
    return {
      async copy(images) {
        for (const [index, { path }] of makings.entries()) await copySparse(images[index] ?? '', path);
      },
      async finish() {
        for (const making of makings) await making.finish();
      },
      [Symbol.asyncDispose]: () => begun.disposeAsync(),
    };
  }

  /** Removes them; those that are not there are no error. */
  async discard(): Promise<void> {
    for (const { disk } of this.#held) {
      await this.#store.release(disk, this.#vm.id);
      await this.#store.remove(disk);
    }
  }
}
