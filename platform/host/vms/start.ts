import { rm } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { cancelled } from '../cancelled.ts';
import type { Cgroups } from '../cgroup.ts';
import type { Egress, RuntimeName, Shape } from '../contract.ts';
import type { DiskStore } from '../disk/store.ts';
import { afterThaw, newIdentity } from '../guest/after-thaw.ts';
import { GuestAgent } from '../guest/agent.ts';
import type { EgressTable } from '../network/gateway.ts';
import type { Slot } from '../network/slot.ts';
import type { Slots } from '../network/slots.ts';
import type { ImageSet } from '../parts.ts';
import type { Machine, MachineSpec, Vmm } from '../vmm/contract.ts';
import { dataOf, growDisks, type HeldDisk, holdDisks, mountDisks, releaseDisks } from './disks.ts';
import { slotKindOf } from './egress.ts';
import { createRecord, updateRecord, type VmRecord } from './record.ts';
import { RunningVm } from './running.ts';

const MIB = 1024 * 1024;
/** What a VMM needs besides the guest's memory: its own code and, with the emulator, translated code. */
const VMM_OVERHEAD_BYTES = { kvm: 96 * MIB, tcg: 384 * MIB };
/** First user id of VMs; above what distributions hand out, one for each slot. */
const FIRST_UID = 1_900_000_000;
const DEFAULT_TASKS = 512;
/** A clone that could not be given an identity is destroyed and another thawed, this often in all. */
const ATTEMPTS = 2;

/** What starting a VM needs of the host. */
export interface StartParts {
  vmm: Vmm;
  imageSet: ImageSet;
  slots: Slots;
  cgroups: Cgroups;
  egress: EgressTable;
  disks: DiskStore;
  serverId: string;
  /** Directory that holds one directory per VM. */
  directory: string;
}

/** What to start. */
export interface StartPlan {
  id: string;
  template: string;
  runtime: RuntimeName;
  /** Templates that its own disk stands on. */
  parents: string[];
  shape: Shape;
  labels: Record<string, string>;
  egress: Egress;
  memory: 'clone' | 'own';
  cpus?: number;
  tasksMax?: number;
  disks?: HeldDisk[];
  /** True when the saved state has them mounted already. */
  disksMounted?: true;
  /** Saved device state to load; absent = boot. */
  state?: string;
  /** What a VM that wakes has kept, its directory included; absent for a new one. None of it is freed when a step fails. */
  kept?: {
    slot: Slot;
    identity: VmRecord['identity'];
    /** Called before the processors run: the saved state is void from then on. */
    goesOn(): void;
  };
  /** Puts disk and memory in place; returns the memory file and the disks, writable one first. */
  place(directory: string): Promise<Pick<MachineSpec, 'memory' | 'disks'>>;
}

/**
 * Starts a VM: slot, files, cgroup, VMM, state, then identity. Everything is
 * undone in reverse order when a step fails.
 */
export async function startVm(parts: StartParts, plan: StartPlan, signal?: AbortSignal): Promise<RunningVm> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(parts, plan, signal);
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal);
      if (
        attempt === ATTEMPTS ||
        plan.kept !== undefined ||
        !(error instanceof ThawError) ||
        error.code !== 'thaw_failed'
      )
        throw error;
    }
  }
}

async function startOnce(parts: StartParts, plan: StartPlan, signal?: AbortSignal): Promise<RunningVm> {
  const { slots, cgroups, egress, vmm, disks } = parts;
  if (freemem() < plan.shape.memoryMiB * MIB) {
    throw new ThawError('no_room', 'This machine has no memory left for another VM.', {
      hint: 'End VMs, give the machine more memory, or lower THAW_MAX_INSTANCES.',
    });
  }
  const phases = stopwatch();
  const directory = join(parts.directory, plan.id);
  await using stack = new AsyncDisposableStack();
  const slot = plan.kept?.slot ?? stack.adopt(await slots.take(slotKindOf(plan.egress)), (taken) => slots.give(taken));
  if (plan.kept === undefined) stack.defer(() => egress.forget(slot.address));
  egress.allow(slot.address, plan, plan.egress);
  const record: VmRecord = {
    id: plan.id,
    template: plan.template,
    runtime: plan.runtime,
    parents: plan.parents,
    shape: plan.shape,
    slot: { index: slot.index, kind: slot.kind },
    labels: plan.labels,
    memory: plan.memory,
    egress: plan.egress,
    identity: plan.kept?.identity ?? newIdentity(),
    startedAt: new Date().toISOString(),
    ...(plan.cpus === undefined ? {} : { cpus: plan.cpus }),
    ...(plan.tasksMax === undefined ? {} : { tasksMax: plan.tasksMax }),
    ...(plan.disks === undefined ? {} : { disks: plan.disks.map((disk) => ({ ...disk })) }),
    phases: phases.marks,
    paused: false,
    ready: false,
  };
  if (plan.kept === undefined) {
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    await createRecord(directory, record);
  }
  stack.defer(() => cgroups.remove(plan.id));
  const [files, procs] = await both(
    plan.place(directory),
    cgroups.create(plan.id, {
      cpus: plan.cpus ?? plan.shape.vcpus,
      memoryBytes: plan.shape.memoryMiB * MIB + VMM_OVERHEAD_BYTES[vmm.identity.accelerator],
    }),
  );
  if (plan.kept === undefined && record.disks !== undefined) {
    stack.defer(() => releaseDisks(disks, record));
    await holdDisks(disks, record);
    await updateRecord(directory, record);
  }
  phases.mark('prepare');
  const placed = { ...files, ...dataOf(disks, record), directory, slot, procs, phases };
  const machine = stack.use(await startMachine(parts, plan, placed, signal));
  if (plan.kept !== undefined) {
    await holdDisks(disks, record);
    await updateRecord(directory, record);
    plan.kept.goesOn();
  }
  await machine.resume();
  if (plan.state !== undefined) {
    const identity = { hostname: plan.id, ...record.identity, tasksMax: plan.tasksMax ?? DEFAULT_TASKS };
    await afterThaw(slot.address, identity, whileItRuns(machine, signal));
    phases.mark('identity');
  }
  if (record.disks !== undefined) {
    const guest = new GuestAgent(slot.address).disks;
    const alive = whileItRuns(machine, signal);
    if (plan.kept === undefined && !plan.disksMounted) await mountDisks(guest, record.disks, alive);
    else await growDisks(disks, { machine, guest, disks: record.disks }, alive);
    phases.mark('disks');
  }
  stack.move();
  const vm = new RunningVm(record, machine, { directory, slot, slots, cgroups, egress, disks });
  void vm.remember({ ready: true }).catch(() => {}); // lost only when the VM is: then it is not taken back
  return vm;
}

/** Fires when `signal` does, and when the machine has ended: nobody is left to wait for. */
function whileItRuns(machine: Machine, signal: AbortSignal | undefined): AbortSignal {
  const gone = new AbortController();
  void machine.ended.then(() => gone.abort(new Error('the VMM has ended')));
  return signal ? AbortSignal.any([signal, gone.signal]) : gone.signal;
}

/** Both results, or the first failure once both are over: what is undone then must not be in the making. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

interface Placed extends Pick<MachineSpec, 'memory' | 'disks' | 'data' | 'directory'> {
  slot: { netns: string; tap: string; index: number };
  procs: string[];
  phases: Stopwatch;
}

function startMachine(parts: StartParts, plan: StartPlan, placed: Placed, signal?: AbortSignal): Promise<Machine> {
  const { imageSet, vmm } = parts;
  const spec: MachineSpec = {
    name: machineName(parts.serverId, plan.id),
    directory: placed.directory,
    shape: plan.shape,
    memory: placed.memory,
    disks: placed.disks,
    ...(placed.data === undefined ? {} : { data: placed.data }),
    keepConnections: plan.kept !== undefined,
    netns: placed.slot.netns,
    tap: placed.slot.tap,
    uid: FIRST_UID + placed.slot.index,
    cgroups: placed.procs,
    kernel: imageSet.kernel.path,
    initramfs: imageSet.initramfs.path,
    commandLine: imageSet.kernel.commandLine,
    mark: placed.phases.mark,
  };
  return plan.state === undefined ? vmm.boot(spec, signal) : vmm.load(spec, plan.state, signal);
}

/** Name of a VM's process; the prefix is this server's own. */
export function machineName(serverId: string, vm: string): string {
  return `thaw-${serverId}-${vm}`;
}

interface Stopwatch {
  /** Milliseconds of each phase. */
  marks: Record<string, number>;
  mark: (phase: string) => void;
}

function stopwatch(): Stopwatch {
  let last = performance.now();
  const marks: Record<string, number> = {};
  const mark = (phase: string) => {
    const now = performance.now();
    marks[phase] = Math.round((now - last) * 100) / 100;
    last = now;
  };
  return { marks, mark };
}
