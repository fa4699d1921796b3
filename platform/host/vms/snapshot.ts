import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copySparse } from '../disk/copy.ts';
import { randomId } from '../ids.ts';
import { type Dependencies, TEMPLATE_FILES } from '../templates/manifest.ts';
import type { StoredTemplate, TemplateStore } from '../templates/store.ts';
import { requireNoDisks } from './disks.ts';
import { draftOf } from './draft.ts';
import { requireOwnMemory } from './own-memory.ts';
import type { RunningVm } from './running.ts';

/** Copies a VM that has its own memory into a template of `store`. It stands still for the copy, and goes on whatever happens. */
export async function snapshotInto(
  store: TemplateStore,
  vm: RunningVm,
  about: { labels: Record<string, string>; dependsOn: Dependencies },
  signal?: AbortSignal,
): Promise<StoredTemplate> {
  const { record, machine } = vm;
  requireOwnMemory(record, 'be copied into a template');
  requireNoDisks(record);
  await using stack = new AsyncDisposableStack();
  const id = randomId('t_', 16);
  const directory = await store.begin(id);
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  try {
    await machine.save(join(directory, TEMPLATE_FILES.state), signal);
    await copySparse(vm.file('memory'), join(directory, TEMPLATE_FILES.memory));
    await copySparse(vm.file('disk.qcow2'), join(directory, TEMPLATE_FILES.disk));
  } finally {
    if (!record.paused) await machine.resume();
  }
  return await store.finish(directory, await draftOf(record, directory, { id, ...about }));
}
