import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copySparse } from '../disk/copy.ts';
import { randomId } from '../ids.ts';
import type { TemplateCatalogue } from '../templates/chain.ts';
import { requireOwnMemory } from './own-memory.ts';
import type { RunningVm } from './running.ts';
import { type StartParts, startVm } from './start.ts';

/**
 * Copies a running VM, which stands still while its state, memory and disk are copied, and goes on whatever happens. The copy's
 * phase `copy` is how long that was.
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
  const state = join(original.directory, `fork-${id}`);
  let stoodStill = 0;
  const place = async (directory: string) => {
    const began = performance.now();
    const memory = join(directory, 'memory');
    const disk = join(directory, 'disk.qcow2');
    try {
      await machine.save(state, signal);
      await copySparse(original.file('memory'), memory);
      await copySparse(original.file('disk.qcow2'), disk);
    } finally {
      if (!record.paused) await machine.resume();
      stoodStill = performance.now() - began;
    }
    return { memory: { path: memory, shared: true, readOnly: false }, disks: [disk, ...below] };
  };
  try {
    const vm = await startVm(parts, { ...record, id, labels, state, place }, signal);
    vm.record.phases = { copy: stoodStill, ...vm.record.phases };
    return vm;
  } finally {
    await rm(state, { force: true });
  }
}
