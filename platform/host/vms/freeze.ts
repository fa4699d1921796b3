import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copySparse } from '../disk/copy.ts';
import { moveSparse } from '../disk/move.ts';
import { randomId } from '../ids.ts';
import { type Dependencies, dataFile, TEMPLATE_FILES } from '../templates/manifest.ts';
import type { StoredTemplate, TemplateStore } from '../templates/store.ts';
import { draftOf } from './draft.ts';
import { requireOwnMemory } from './own-memory.ts';
import type { RunningVm } from './running.ts';

/**
 * What is under way when a VM is frozen goes on in every clone, at the cost of its
 * first request: connections that are still closing (ours to the agent is one),
 * compilers and collectors that run beside the code. This much quiet lets them end.
 */
const QUIET_MS = 250;

/**
 * Freezes a VM that has its own memory into a template of `store`; the VM is
 * gone afterwards, also when it fails. Its disks are copied, and stay.
 */
export async function freezeInto(
  store: TemplateStore,
  vm: RunningVm,
  about: { labels: Record<string, string>; dependsOn: Dependencies },
  signal?: AbortSignal,
): Promise<StoredTemplate> {
  const { record } = vm;
  requireOwnMemory(record, 'be frozen');
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
  // Its processors do not run again: nobody in there is to be asked for last writes.
  await vm.remember({ paused: true });
  for (const [index, image] of vm.diskImages().entries()) {
    await copySparse(image, join(directory, dataFile(index)));
  }
  // The files leave the VM's directory before the VM's end removes it; the VMM has them open, not their names.
  await moveSparse(vm.file('memory'), join(directory, TEMPLATE_FILES.memory));
  await moveSparse(vm.file('disk.qcow2'), join(directory, TEMPLATE_FILES.disk));
  await vm.end('frozen');
  return await store.finish(directory, await draftOf(record, directory, { id, ...about }));
}
