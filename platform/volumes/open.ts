import { sweep } from './disks.ts';
import type { VolumesParts } from './parts.ts';
import { Volumes } from './volumes.ts';

/** Opens the room: removes the disks that no volume has any more. */
export async function openVolumes(parts: VolumesParts): Promise<Volumes> {
  await sweep(parts);
  return new Volumes(parts);
}
