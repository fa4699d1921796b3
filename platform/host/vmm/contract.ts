import type { Shape } from '../contract.ts';

/**
 * The VMM contract: two verbs, `start` (from a kernel or from saved state) and
 * `save`, on a machine in a jail. Firecracker can stand behind it as QEMU does.
 * Paths are absolute paths of this host.
 */

/** What a saved state can be loaded by; a template is stale where one differs. */
export interface VmmIdentity {
  /** e.g. `qemu 7.2.22`. */
  vmm: string;
  accelerator: 'kvm' | 'tcg';
  /** CPU model shown to the guest; with hardware virtualization also the host's own. */
  cpu: string;
  /** Device layout, raised whenever the arguments that make devices change. */
  machine: string;
}

export interface MemoryFile {
  path: string;
  /** What it is to be a copy of, made while the VMM starts; absent: it is there already. */
  from?: string;
  /** True: guest writes reach the file, so that saving writes device state alone. False: private, copy-on-write. */
  shared: boolean;
  /** True: the file may be mapped by VMs of different tenants, so the VMM must not be able to write it. */
  readOnly: boolean;
}

export interface MachineSpec {
  /** Stands in the process's arguments, so that a later server finds it again; unique on this machine. */
  name: string;
  /** The VM's own directory; the VMM writes only below `io/` in it. */
  directory: string;
  shape: Shape;
  memory: MemoryFile;
  /** Writable qcow2 overlay first, then what it stands on; the last one is raw. */
  disks: string[];
  /** Data disks, raw, at most `MOST_DISKS`; the guest tells them by their serials, of at most 20 characters. */
  data?: { path: string; serial: string }[];
  /** True: connections that the namespace tracks go on; false: they are forgotten, as they belonged to another machine. */
  keepConnections?: boolean;
  /** Path of a network namespace that holds `tap`. */
  netns: string;
  tap: string;
  /** User and group that the VMM runs as. */
  uid: number;
  /** `cgroup.procs` files of the cgroups that the VMM is in before the guest runs. */
  cgroups: string[];
  kernel: string;
  initramfs: string;
  /** The guest kernel's command line. */
  commandLine: string;
  /** Called as each step of a start is over, with the step's name. */
  mark?: (phase: string) => void;
}

/** How a machine's process ended. */
export interface MachineEnd {
  code: number | null;
  signal: string | null;
}

/** What is needed to find a running machine again after a restart of the server. */
export interface MachineRecord {
  pid: number;
  /** Field 22 of `/proc/<pid>/stat`: tells a process from a later one with the same id. */
  startTime: string;
}

/** A VMM process. Disposing it kills it and waits until it is gone. */
export interface Machine extends AsyncDisposable {
  readonly record: MachineRecord;
  readonly ended: Promise<MachineEnd>;
  /** Lets the processors run. */
  resume(): Promise<void>;
  pause(): Promise<void>;
  /** Stops the processors and writes the device state to `file`; memory must be a shared file. The machine stays paused. */
  save(file: string, signal?: AbortSignal): Promise<void>;
  /** Tells the guest that the image of its data disk number `index` is larger now. */
  resizeData(index: number, bytes: number): Promise<void>;
  /** The last 64 KiB that the guest's kernel wrote to its console. */
  console(): Promise<string>;
}

export interface Vmm {
  readonly identity: VmmIdentity;
  /** True when `MemoryFile.readOnly` costs nothing: the VMM can map a file that it cannot write. */
  readonly mapsReadOnly: boolean;
  /** Boots the kernel; resolves when the VMM runs, not when the guest does. */
  boot(spec: MachineSpec, signal?: AbortSignal): Promise<Machine>;
  /** Loads saved device state; the machine is paused when this resolves. */
  load(spec: MachineSpec, state: string, signal?: AbortSignal): Promise<Machine>;
  /** Every running machine whose name begins with `prefix`. */
  find(prefix: string): Promise<Map<string, MachineRecord>>;
  /** Takes back a machine that an earlier server started, or undefined when it does not answer (it is then ended). */
  adopt(directory: string, record: MachineRecord, signal?: AbortSignal): Promise<Machine | undefined>;
}
