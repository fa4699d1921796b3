import type { Disk, Host, Vm } from '../host/contract.ts';
import type { VolumeHolder } from './contract.ts';
import type { VolumesParts } from './parts.ts';

/** Label that tells a volume's disk from those of others. */
export const ROLE = 'volume';
/** Disks of volumes, and those that the fork of a sandbox got: a copy has the labels of its machine. */
const OURS = new Set([ROLE, 'sandbox']);
export const MIB = 1024 * 1024;

/** The VM that has a disk, or undefined. */
export async function vmOf(host: Host, disk: string): Promise<Vm | undefined> {
  const holder = (await host.getDisk(disk))?.holder;
  return holder == null ? undefined : host.get(holder);
}

/** Who a VM is to people. */
export function holderOf({ labels }: Vm): VolumeHolder | null {
  if (labels.sandbox !== undefined) return { sandbox: labels.sandbox };
  return labels.app === undefined ? null : { app: labels.app };
}

/** Removes disks that no record has any more. What cannot be removed now goes at the next start. */
export async function removeDisks({ host, log }: VolumesParts, disks: Iterable<string>): Promise<void> {
  for (const disk of disks) {
    await host.removeDisk(disk).catch((err: unknown) => log.warn({ disk, err }, 'the disk of a volume is left'));
  }
}

/** Removes the disks of volumes that never came to be, or whose end was interrupted. */
export async function sweep(parts: VolumesParts): Promise<void> {
  const known = await parts.control.volumes.disks();
  const isLeft = ({ id, labels, holder }: Disk) => OURS.has(labels.role ?? '') && holder === null && !known.has(id);
  const left = (await parts.host.disks()).filter(isLeft);
  if (left.length > 0) parts.log.info({ disks: left.length }, 'removing disks that no volume has');
  await removeDisks(
    parts,
    left.map(({ id }) => id),
  );
}
