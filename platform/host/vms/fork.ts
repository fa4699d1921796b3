import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copySparse } from '../disk/copy.ts';
import { randomId } from '../ids.ts';
import type { TemplateCatalogue } from '../templates/chain.ts';
import { CopiedDisks } from './copied-disks.ts';
import { requireOwnMemory } from './own-memory.ts';
import type { RunningVm } from './running.ts';
import { type StartParts, startVm } from './start.ts';

/**
 * Copies a running VM, which stands still while its state, memory and disks are copied, and goes on whatever happens. What its
 * guest has yet to write to a disk is in the memory that is copied with it. The copy's phase `copy` is how long that was.
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
  const data = new CopiedDisks(parts.disks, record.disks, { id, labels });
  const state = join(original.directory, `fork-${id}`);
  let stoodStill = 0;
  const place = async (directory: string) => {
    const began = performance.now();
    const memory = join(directory, 'memory');
    const disk = join(directory, 'disk.qcow2');
    await data.discard(); // of an attempt that failed
    await using copies = await data.begin();
    try {
      await machine.save(state, signal);
      await copySparse(original.file('memory'), memory);
      await copySparse(original.file('disk.qcow2'), disk);
      await copies.copy(original.diskImages());
    } finally {
      if (!record.paused) await machine.resume();
      stoodStill = performance.now() - began;
    }
    await copies.finish();
    return { memory: { path: memory, shared: true, readOnly: false }, disks: [disk, ...below] };
  };
  await using undo = new AsyncDisposableStack();
  undo.defer(() => data.discard());
  try {
    const vm = await startVm(parts, { ...record, id, labels, state, place, ...data.plan }, signal);
    vm.record.phases = { copy: stoodStill, ...vm.record.phases };
    undo.move();
    return vm;
  } finally {
    await rm(state, { force: true });
  }
}
