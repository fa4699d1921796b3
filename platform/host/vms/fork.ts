import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copySparse } from '../disk/copy.ts';
import { newDiskId } from '../disk/store.ts';
import { randomId } from '../ids.ts';
import type { TemplateCatalogue } from '../templates/chain.ts';
import { requireOwnMemory } from './own-memory.ts';
import type { RunningVm } from './running.ts';
import { type StartParts, startVm } from './start.ts';

/**
 * Copies a running VM, which stands still while its state, memory and disks are copied, and goes on whatever happens. What its
 * guest has yet to write to a disk is in the memory that is copied with it.
 *
 * @throws ThawError `conflict` for a VM without memory of its own, and what `startVm` does
 */
export async function forkVm(
  parts: StartParts & { catalogue: TemplateCatalogue },
  original: RunningVm,
  labels: Record<string, string>,
  signal?: AbortSignal,
): Promise<RunningVm> {
  const { record, machine } = original;
  requireOwnMemory(record, 'be forked');
  const below = parts.catalogue.disks(parts.catalogue.usable(record.template));
  const id = randomId('i', 12);
  const copies = record.disks?.map((disk) => ({ ...disk, disk: newDiskId(), generation: 0 }));
  const discard = async () => {
    for (const { disk } of copies ?? []) {
      await parts.disks.release(disk, id);
      await parts.disks.remove(disk);
    }
  };
  const state = join(original.directory, `fork-${id}`);
  const place = async (directory: string) => {
    const memory = join(directory, 'memory');
    const disk = join(directory, 'disk.qcow2');
    await discard(); // of an attempt that failed
    try {
      await machine.save(state, signal);
      await copySparse(original.file('memory'), memory);
      await copySparse(original.file('disk.qcow2'), disk);
      for (const [index, copy] of (copies ?? []).entries()) {
        const from = parts.disks.image(record.disks?.[index]?.disk ?? '');
        await parts.disks.make({ id: copy.disk, labels, holder: id }, (path) => copySparse(from, path));
      }
    } finally {
      if (!record.paused) await machine.resume();
    }
    return { memory: { path: memory, shared: true, readOnly: false }, disks: [disk, ...below] };
  };
  await using undo = new AsyncDisposableStack();
  undo.defer(discard);
  try {
    const disks = copies === undefined ? {} : { disks: copies, disksMounted: true as const };
    const vm = await startVm(parts, { ...record, id, labels, state, place, ...disks }, signal);
    undo.move();
    return vm;
  } finally {
    await rm(state, { force: true });
  }
}
