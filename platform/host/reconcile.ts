import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { Cgroups } from './cgroup.ts';
import type { DiskStore } from './disk/store.ts';
import type { EgressTable } from './network/gateway.ts';
import type { Slots } from './network/slots.ts';
import type { Machine, MachineRecord, Vmm } from './vmm/contract.ts';
import { killRecorded } from './vmm/process.ts';
import { readRecord } from './vms/record.ts';
import { RunningVm } from './vms/running.ts';
import { hostBoot, SleepingVm } from './vms/sleeping.ts';
import { machineName } from './vms/start.ts';

/** A VMM that says nothing for this long is stuck, and ended. */
const ADOPT_LIMIT_MS = 5_000;

export interface ReconcileParts {
  vmm: Vmm;
  slots: Slots;
  cgroups: Cgroups;
  egress: EgressTable;
  disks: DiskStore;
  serverId: string;
  directory: string;
  log: Log;
}

/**
 * What an earlier server of this data directory left: VMs that still answer and
 * had their identity are taken back, those that slept sleep on, every other process
 * of ours is ended, and slots, cgroups and files that belong to nothing are freed.
 */
export async function reconcile(parts: ReconcileParts): Promise<{ adopted: RunningVm[]; sleeping: SleepingVm[] }> {
  const { vmm, slots, cgroups, egress, disks, directory, log } = parts;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const prefix = machineName(parts.serverId, '');
  const processes = await vmm.find(prefix);
  const adopted: RunningVm[] = [];
  const sleeping: SleepingVm[] = [];
  const boot = await hostBoot();
  for (const id of await readdir(directory)) {
    const own = join(directory, id);
    const record = await readRecord(own);
    const process = processes.get(prefix + id);
    if (record?.asleepSince?.hostBoot === boot) {
      // Its process, if it is still there, stands still since the snapshot was taken, and is ended with the others.
      const slot = await slots.adopt(record.slot.kind, record.slot.index);
      sleeping.push(new SleepingVm(record, { directory: own, slot, slots, egress, disks }));
      continue;
    }
    const machine = record?.ready && process ? await takeBack(vmm, own, process, record.paused) : undefined;
    if (record && machine) {
      processes.delete(prefix + id);
      const slot = await slots.adopt(record.slot.kind, record.slot.index);
      egress.allow(slot.address, record, record.egress);
      const vm = new RunningVm(record, machine, { directory: own, slot, slots, cgroups, egress, disks });
      adopted.push(vm);
      // A copy that was under way when the server ended may have left them frozen.
      if (record.disks !== undefined && !record.paused) void vm.agent.disks.thaw().catch(() => {});
    }
  }
  for (const process of processes.values()) await killRecorded(process);
  const running = new Set(adopted.map((vm) => vm.record.id));
  const kept = new Set(sleeping.map((vm) => vm.record.id));
  for (const id of await readdir(directory)) {
    if (running.has(id)) continue;
    await cgroups.remove(id);
    if (kept.has(id)) continue;
    await rm(join(directory, id), { recursive: true, force: true });
  }
  await disks.releaseAllBut(new Set([...running, ...kept]));
  await slots.recover([...adopted, ...sleeping].map(({ slot }) => slot));
  log.info(
    { takenBack: adopted.length, asleep: sleeping.length, ended: processes.size },
    'looked after the VMs of the server before',
  );
  return { adopted, sleeping };
}

/** The machine, if it still answers. One that a fork had stopped when the server ended goes on. */
async function takeBack(
  vmm: Vmm,
  directory: string,
  process: MachineRecord,
  paused: boolean,
): Promise<Machine | undefined> {
  const machine = await vmm.adopt(directory, process, AbortSignal.timeout(ADOPT_LIMIT_MS));
  if (machine === undefined || paused) return machine;
  return machine.resume().then(
    () => machine,
    () => undefined,
  );
}
