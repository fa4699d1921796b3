import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { ThawRequest } from '../contract.ts';
import type { Overlays } from '../disk/overlay.ts';
import { randomId } from '../ids.ts';
import type { TemplateCatalogue } from '../templates/chain.ts';
import { dataFiles, TEMPLATE_FILES } from '../templates/manifest.ts';
import type { StoredTemplate, TemplateStore } from '../templates/store.ts';
import { placeClone } from './clone.ts';
import { CopiedDisks } from './copied-disks.ts';
import { plannedDisks } from './disks.ts';
import type { RunningVm } from './running.ts';
import { type StartParts, startVm } from './start.ts';

/** What thawing a template needs of the host; `store` is the shared one of runtime images. */
export interface ThawParts extends StartParts {
  catalogue: TemplateCatalogue;
  overlays: Overlays;
  store: TemplateStore;
  templates: TemplateStore;
}

/** Thaws a new VM from a template. @throws ThawError as `Host.thaw` does */
export async function thawVm(parts: ThawParts, request: ThawRequest, signal?: AbortSignal): Promise<RunningVm> {
  const { catalogue, overlays, store, templates, vmm } = parts;
  const template = catalogue.usable(request.template);
  const disks = catalogue.disks(template);
  const { manifest } = template;
  const { labels, egress, memory, cpus, tasksMax } = request;
  requireFit(template, request);
  // Lost only for what asks how old its use is.
  void (store.get(manifest.id) ? store : templates).touch(template).catch(() => {});
  const id = randomId('i', 12);
  const data = new CopiedDisks(parts.disks, manifest.data, { id, labels });
  const images = dataFiles(manifest).map((file) => join(template.directory, file));
  const place = async (directory: string) => {
    await data.discard(); // of an attempt that failed
    await using copies = await data.begin();
    await copies.copy(images);
    await copies.finish();
    const shared = store.get(manifest.id) !== undefined;
    return placeClone(directory, template, disks, { memory, shared, mapsReadOnly: vmm.mapsReadOnly, overlays });
  };
  await using undo = new AsyncDisposableStack();
  undo.defer(() => data.discard());
  const vm = await startVm(
    parts,
    {
      ...{ id, labels, egress, memory, place },
      template: manifest.id,
      runtime: manifest.runtime,
      parents: manifest.parents,
      shape: manifest.shape,
      ...(cpus === undefined ? {} : { cpus }),
      ...(tasksMax === undefined ? {} : { tasksMax }),
      ...(request.disks?.length ? { disks: plannedDisks(parts.disks, request.disks) } : data.plan),
      state: join(template.directory, TEMPLATE_FILES.state),
    },
    signal,
  );
  undo.move();
  return vm;
}

/** @throws ThawError `conflict` */
function requireFit({ manifest }: StoredTemplate, { disks, memory }: ThawRequest): void {
  if (manifest.data === undefined) return;
  if (disks?.length) throw new ThawError('conflict', 'The disks of this VM are those of its template.');
  if (memory === 'own') return;
  throw new ThawError('conflict', 'A VM with disks that are copied has to have memory of its own.');
}
