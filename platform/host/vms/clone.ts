import { join } from 'node:path';
import type { Overlays } from '../disk/overlay.ts';
import { TEMPLATE_FILES } from '../templates/manifest.ts';
import type { StoredTemplate } from '../templates/store.ts';
import type { MachineSpec } from '../vmm/contract.ts';

/**
 * Puts a clone's files in place: an empty overlay on the template's disk, and
 * the template's memory, mapped private or copied to be its own.
 *
 * @param shared true when VMs of different tenants use this template: then the VMM must not be able to
 *   write its memory file, so it is copied where the VMM cannot map a file read-only
 */
export async function placeClone(
  directory: string,
  template: StoredTemplate,
  disks: string[],
  options: { memory: 'clone' | 'own'; shared: boolean; mapsReadOnly: boolean; overlays: Overlays },
): Promise<Pick<MachineSpec, 'memory' | 'disks'>> {
  const source = join(template.directory, TEMPLATE_FILES.memory);
  const own = join(directory, 'memory');
  const disk = join(directory, 'disk.qcow2');
  const copied = options.memory === 'own' || (options.shared && !options.mapsReadOnly);
  await options.overlays.create(disk, template.manifest.diskBytes);
  return {
    memory: copied
      ? { path: own, from: source, shared: options.memory === 'own', readOnly: false }
      : { path: source, shared: false, readOnly: true },
    disks: [disk, ...disks],
  };
}
