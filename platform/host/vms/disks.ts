import { posix } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { Vm } from '../contract.ts';
import type { DiskStore } from '../disk/store.ts';
import { type DiskMount, MOST_DISKS } from '../disks.ts';
import type { GuestDisks } from '../guest/disks.ts';
import type { Machine, MachineSpec } from '../vmm/contract.ts';
import type { VmRecord } from './record.ts';

/** A disk in a VM's record. */
export type HeldDisk = NonNullable<VmRecord['disks']>[number];

/** Places that the guest's own kernel and agent have. */
const TAKEN = ['/proc', '/sys', '/dev', '/run/thaw'];
const LONGEST_PATH = 255;

/** What a VM's record says of the disks that it is to get. @throws ThawError `invalid_input`, `not_found` */
export function plannedDisks(store: DiskStore, mounts: DiskMount[]): HeldDisk[] {
  if (mounts.length > MOST_DISKS) throw wrong(`A VM takes ${MOST_DISKS} disks at most.`);
  if (new Set(mounts.map(({ disk }) => disk)).size < mounts.length) throw wrong('A disk is in a VM once.');
  if (new Set(mounts.map(({ path }) => path)).size < mounts.length) throw wrong('Every disk needs a place of its own.');
  return mounts.map(({ disk, path, readOnly = false, owner = 'app' }) => {
    const within = (place: string) => path === place || path.startsWith(`${place}/`);
    const plain = posix.isAbsolute(path) && posix.normalize(path) === path && path !== '/' && !path.endsWith('/');
    if (!plain || path.length > LONGEST_PATH || TAKEN.some(within)) {
      throw wrong('A disk cannot be mounted at this path.', `Choose an absolute path outside of ${TAKEN.join(', ')}.`);
    }
    return { disk, path, readOnly, owner, sizeBytes: store.get(disk).sizeBytes, generation: 0 };
  });
}

function wrong(message: string, hint?: string): ThawError {
  return new ThawError('invalid_input', message, hint === undefined ? {} : { hint });
}

/** Makes the disks of a VM its own; what its record then says of them has to be written down. @throws ThawError `conflict` */
export async function holdDisks(store: DiskStore, { id, disks }: Pick<VmRecord, 'id' | 'disks'>): Promise<void> {
  for (const disk of disks ?? []) disk.generation = await store.hold(disk.disk, id);
}

/** Gives up the disks of a VM whose process is gone. */
export async function releaseDisks(store: DiskStore, { id, disks }: Pick<VmRecord, 'id' | 'disks'>): Promise<void> {
  for (const { disk } of disks ?? []) await store.release(disk, id);
}

/** A snapshot goes with the disks as they were when it was taken. @throws ThawError `conflict` when one has gone on without it */
export function mustBeAsTheyWere(store: DiskStore, { id, disks }: Pick<VmRecord, 'id' | 'disks'>): void {
  for (const { disk, generation } of disks ?? []) {
    const now = store.get(disk);
    if (now.holder === id && now.generation === generation) continue;
    throw new ThawError('conflict', 'A disk of this VM has gone on without it, so its snapshot is void.', {
      hint: 'Start it anew.',
    });
  }
}

/** The places of a VM's disks in its machine. */
export function dataOf(store: DiskStore, { disks }: Pick<VmRecord, 'disks'>): Pick<MachineSpec, 'data'> {
  if (disks === undefined) return {};
  return { data: disks.map(({ disk }) => ({ path: store.image(disk), serial: disk })) };
}

/** Mounts the disks of a VM that has just got them. */
export async function mountDisks(guest: GuestDisks, disks: HeldDisk[], signal?: AbortSignal): Promise<void> {
  const told = disks.map(({ disk, path, readOnly, owner }) => ({ serial: disk, path, readOnly, owner }));
  await guest.mount(told, signal);
}

/** Lets a VM see how large its disks have become, and notes it in its record. */
export async function growDisks(
  store: DiskStore,
  vm: { machine: Machine; guest: GuestDisks; disks: HeldDisk[] },
  signal?: AbortSignal,
): Promise<void> {
  for (const [index, held] of vm.disks.entries()) {
    const { sizeBytes } = store.get(held.disk);
    if (sizeBytes === held.sizeBytes) continue;
    await vm.machine.resizeData(index, sizeBytes);
    await vm.guest.grow(held.path, sizeBytes, signal);
    held.sizeBytes = sizeBytes;
  }
}

/** Does something while a VM stands still and its disks hold all that was written. It goes on whatever happens. */
export async function whileStill<T>(
  { record, machine, agent }: { record: VmRecord; machine: Machine; agent: { disks: GuestDisks } },
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (record.paused) return await work();
  try {
    await agent.disks.freeze(signal);
    await machine.pause();
    return await work();
  } finally {
    await machine.resume();
    await agent.disks.thaw();
  }
}

/** @throws ThawError `conflict`: a template is thawed many times, and a disk is in one VM */
export function requireNoDisks({ disks }: Pick<VmRecord, 'disks'>): void {
  if (disks === undefined) return;
  throw new ThawError('conflict', 'A VM that has disks does not become a template.', {
    hint: 'Fork it, or copy its disks.',
  });
}

/** How a VM's disks look to those outside the host. */
export function describeDisks({ disks }: Pick<VmRecord, 'disks'>): Pick<Vm, 'disks'> {
  if (disks === undefined) return {};
  return { disks: disks.map(({ disk, path, readOnly, owner }) => ({ disk, path, readOnly, owner })) };
}
