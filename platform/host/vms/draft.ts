import { join } from 'node:path';
import { overlayBytes } from '../disk/overlay.ts';
import { type Dependencies, TEMPLATE_FILES } from '../templates/manifest.ts';
import type { Draft } from '../templates/store.ts';
import type { VmRecord } from './record.ts';

/** What the template of a VM, whose files are in `directory`, says of it. */
export async function draftOf(
  record: VmRecord,
  directory: string,
  about: { id: string; labels: Record<string, string>; dependsOn: Dependencies },
): Promise<Draft> {
  const { runtime, shape, template, parents, disks } = record;
  const data = disks?.map(({ path, readOnly, owner, sizeBytes }) => ({ path, readOnly, owner, sizeBytes }));
  return {
    ...{ runtime, shape, ...about },
    parents: template === '' ? parents : [template, ...parents],
    diskBytes: await overlayBytes(join(directory, TEMPLATE_FILES.disk)),
    ...(data === undefined ? {} : { data }),
  };
}
