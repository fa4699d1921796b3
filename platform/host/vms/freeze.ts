import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThawError } from '../../errors.ts';
import { randomId } from '../ids.ts';
import { type Dependencies, TEMPLATE_FILES } from '../templates/manifest.ts';
import type { StoredTemplate, TemplateStore } from '../templates/store.ts';
import { requireNoDisks } from './disks.ts';
import type { RunningVm } from './running.ts';

/**
 * What is under way when a VM is frozen goes on in every clone, at the cost of its
 * first request: connections that are still closing (ours to the agent is one),
 * compilers and collectors that run beside the code. This much quiet lets them end.
 */
const QUIET_MS = 250;

/**
 * Freezes a VM that has its own memory into a template of `store`; the VM is
 * gone afterwards, also when it fails.
 */
export async function freezeInto(
  store: TemplateStore,
  vm: RunningVm,
  about: { labels: Record<string, string>; dependsOn: Dependencies; diskBytes: number },
  signal?: AbortSignal,
): Promise<StoredTemplate> {
  const { record } = vm;
  if (record.memory !== 'own') {
    throw new ThawError('conflict', 'Only a VM with memory of its own can be frozen.', {
      hint: 'Thaw it with memory "own".',
    });
  }
  requireNoDisks(record);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => vm.end('frozen'));
  await vm.agent.clearLogs(signal);
  await vm.agent.settle(signal);
  await sleep(QUIET_MS, undefined, signal ? { signal } : {});
  const id = randomId('t_', 16);
  const directory = await store.begin(id);
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  await vm.remember({ ready: false });
  await vm.machine.save(join(directory, TEMPLATE_FILES.state), signal);
  // The files leave the VM's directory before the VM's end removes it; the VMM has them open, not their names.
  await rename(vm.file('memory'), join(directory, TEMPLATE_FILES.memory));
  await rename(vm.file('disk.qcow2'), join(directory, TEMPLATE_FILES.disk));
  await vm.end('frozen');
  const parents = record.template === '' ? record.parents : [record.template, ...record.parents];
  return await store.finish(directory, { id, runtime: record.runtime, shape: record.shape, parents, ...about });
}
