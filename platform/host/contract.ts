/**
 * The Host contract: everything that the rest of Thaw may ask of a machine that
 * runs VMs. Every argument and result is plain data or a stream of bytes, so a
 * host may be in this process or on another machine. No path of the host's disk,
 * namespace or process id appears here.
 */

import type { DiskHost, DiskMount } from './disks.ts';
import type { Egress, Refusal } from './egress.ts';
import type { FileHost } from './files.ts';
import type { CommandHost } from './processes.ts';

export type { Disk, DiskMount } from './disks.ts';
export { MOST_DISKS } from './disks.ts';
export type { Egress, Refusal, RefusalReason } from './egress.ts';
export type { FileChange, FileEntry, FileHost } from './files.ts';
export type { CommandEvent, CommandHost, RunningCommand, TerminalSize } from './processes.ts';

/** Images a VM can start from. */
export type RuntimeName = 'base' | 'node' | 'python' | 'builder' | 'code-interpreter' | 'postgres';

/** Size of a VM; part of what a template is. */
export interface Shape {
  /** Guest memory in MiB. */
  memoryMiB: number;
  vcpus: number;
}

/** A frozen VM. Immutable; thawed any number of times. */
export interface Template {
  /** `t_` and 16 letters or digits. */
  id: string;
  shape: Shape;
  /** Runtime image that its disk chain begins with. */
  runtime: RuntimeName;
  labels: Record<string, string>;
  /** Size of its disk as the guest sees it. */
  diskBytes: number;
  /** Bytes that its files take on disk. */
  sizeBytes: number;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601: when a VM was last thawed from it, or it was made. */
  usedAt: string;
}

/** A running VM, or one that sleeps. */
export interface Vm {
  /** `i` and 12 letters or digits, no hyphen. */
  id: string;
  template: string;
  shape: Shape;
  /** IPv4 address at which this host reaches every port of the guest. */
  address: string;
  labels: Record<string, string>;
  /** ISO 8601. */
  startedAt: string;
  /** Where the time of the last thaw went, in milliseconds, in order. */
  phases: Record<string, number>;
  /** True while it is frozen into its own snapshot: no process, no memory, only files and its address. */
  asleep: boolean;
  /** The disks in it, in the order in which they were mounted; absent = none. */
  disks?: DiskMount[];
}

export interface ThawRequest {
  template: string;
  labels: Record<string, string>;
  egress: Egress;
  /**
   * `clone`: memory is the template's, copy-on-write; the VM can only be ended.
   * `own`: memory is copied first; the VM can be frozen, forked and paused.
   */
  memory: 'clone' | 'own';
  /** Share of one CPU core, 1 = a whole one; absent = as many as it has vcpus. */
  cpus?: number;
  /** Most processes of user code; default 512. */
  tasksMax?: number;
  /**
   * Disks that are its own from now on until it ends, mounted before this resolves; at most `MOST_DISKS`. They stay its
   * own while it sleeps. Not for a template that was made of a VM with disks.
   */
  disks?: DiskMount[];
}

export interface FreezeRequest {
  labels: Record<string, string>;
  /**
   * True for a VM that holds nothing of any tenant: its template is kept with those of
   * the runtime images, apart from the data directory, and serves every server on this host.
   */
  shared?: boolean;
}

export interface ExecRequest {
  argv: string[];
  /** The whole environment besides PATH, HOME, USER and LANG. */
  env?: Record<string, string>;
  /** Default `/app`; for `user` its home. */
  cwd?: string;
  /** `app` is what deployments run as and the default, `user` what sandboxes do. */
  user?: 'app' | 'root' | 'user';
  /** What the command reads, to its end; default nothing. */
  stdin?: AsyncIterable<Uint8Array>;
  /** 0 is no limit. */
  timeoutMs: number;
  /** Output past this is dropped and `truncated` is set; default 4 MiB. */
  maxOutputBytes?: number;
}

export type ExecEvent =
  | { kind: 'stdout' | 'stderr'; data: Uint8Array }
  | { kind: 'exit'; code: number | null; signal: string | null; timedOut: boolean; truncated: boolean };

/** The one supervised process of a VM: the user's code. */
export interface ProcessRequest {
  argv: string[];
  env: Record<string, string>;
  cwd?: string;
  user?: 'app' | 'root';
  tasksMax?: number;
}

/** Outcome of waiting for a port. */
export type Listening =
  | { listening: true }
  | { listening: false; exited: { code: number | null; signal: string | null } }
  | { listening: false; timedOut: true };

export interface GuestLogLine {
  /** Grows by one a line within a VM; a gap tells how many were dropped. */
  seq: number;
  /** ISO 8601 with milliseconds. */
  time: string;
  stream: 'stdout' | 'stderr';
  line: string;
}

/** What a VM uses, as this machine sees it. */
export interface VmUsage {
  /** Processor time since it was thawed or woke up, its VMM included. */
  cpuSeconds: number;
  /** Memory that it takes of this machine now, its VMM included. */
  memoryBytes: number;
  /** What it wrote to its disk, as far as that takes room of its own. */
  diskBytes: number;
  /** Since its slot was made: only differences mean something. */
  receivedBytes: number;
  sentBytes: number;
}

/** What a VM's end was. */
export type EndReason = 'ended' | 'crashed' | 'oom' | 'frozen' | 'host';

export type HostEvent =
  | { kind: 'ended'; vm: string; labels: Record<string, string>; reason: EndReason }
  /** At most some 40 in five seconds of each VM; what is past that is counted. Of mode `rules`, and of the proxy. */
  | ({ kind: 'refused'; vm: string; labels: Record<string, string> } & Refusal);

/** One finding of the machine's examination. */
export interface Finding {
  /** Short name, e.g. `virtualization`, `qemu`, `cgroups`, `reflink`, `disk`. */
  name: string;
  status: 'ok' | 'warning' | 'lacking';
  /** What was found, with the reason. */
  detail: string;
  /** What to do about a lack. */
  remedy?: string;
}

export interface HostFacts {
  accelerator: 'kvm' | 'tcg';
  /** Why this accelerator. */
  acceleratorReason: string;
  qemuVersion: string;
  kernelRelease: string;
  vms: number;
  slots: { ready: number; used: number; total: number };
  templates: { count: number; bytes: number };
}

export interface Host extends AsyncDisposable, CommandHost, FileHost, DiskHost {
  facts(): Promise<HostFacts>;

  /**
   * The template of a runtime image: the image booted to its agent and frozen.
   * Made on first use (seconds), then remembered by what it depends on.
   */
  runtimeTemplate(runtime: RuntimeName, shape: Shape, signal?: AbortSignal): Promise<Template>;

  /**
   * Thaws one VM. When this resolves its clock, entropy and identity are its own
   * and the runtime inside has renewed itself.
   *
   * @throws ThawError `invalid_input` for an egress rule that cannot be read; `template_stale` when the template was made by another QEMU, accelerator, CPU model,
   *   machine, kernel, agent or image, or does not exist here: bake it again;
   *   `no_room` without a slot or memory; `thaw_failed` when the VM did not come up; `conflict` when another VM holds one
   *   of the disks, `not_found` when there is no such disk;
   *   `cancelled` when `signal` fired
   */
  thaw(request: ThawRequest, signal?: AbortSignal): Promise<Vm>;

  /**
   * Freezes a VM thawed with `memory: 'own'` into a new template. The VM is gone afterwards, also on failure. Its disks stay,
   * and the template has them as they were: a VM thawed from it, with memory of its own, gets new ones with its labels.
   */
  freeze(vm: string, request: FreezeRequest, signal?: AbortSignal): Promise<Template>;

  /**
   * Freezes a VM (`memory: 'own'`) into its own snapshot. It keeps its id, address and files, and loses its process. TCP
   * connections between it and this host stay open; what the host sends meanwhile is not lost, only late. Putting one to
   * sleep that sleeps is no error.
   *
   * @param options `sync` false: what was written to its disks and not synced by who wrote it stays in the snapshot alone, which
   *   does not outlast a crash of this machine. For programs that sync what must last; it saves a third of the time.
   * @throws ThawError `conflict` for a VM without memory of its own, `not_found`; when it fails otherwise the VM has ended
   */
  sleep(vm: string, options?: { sync?: boolean }, signal?: AbortSignal): Promise<void>;
  /**
   * Thaws a VM that sleeps: the same one, with its processes, files, connections, host name and ids, but with the time
   * and entropy of now. Waking one that runs is no error. A snapshot is used once.
   *
   * @throws ThawError as `thaw` does; the VM has ended then, unless the code is `no_room` or `cancelled`
   */
  wake(vm: string, signal?: AbortSignal): Promise<Vm>;

  /**
   * Copies a running VM (`memory: 'own'`): it stops for the copy and goes on; the copy is thawed as a new VM. Its disks are
   * copied with it, into new ones that have the new VM's labels.
   */
  fork(vm: string, labels: Record<string, string>, signal?: AbortSignal): Promise<Vm>;

  /**
   * Copies a running VM (`memory: 'own'`) into a new template: it stops for the copy and goes on. The template's disk
   * stands on the one that the VM was thawed from, which has to be kept as long.
   *
   * @throws ThawError `conflict` for a VM without memory of its own, with disks, or that sleeps; `template_stale`; `not_found`
   */
  snapshot(vm: string, labels: Record<string, string>, signal?: AbortSignal): Promise<Template>;

  /** What a VM that is awake has used. @throws ThawError `conflict` for one that sleeps, `not_found` */
  usage(vm: string): Promise<VmUsage>;

  /**
   * Makes a VM's disk larger, and its root file system with it, while it runs. What is made of it has this disk as well.
   *
   * @param bytes whole size; no less than it has
   * @throws ThawError `unprocessable` when it cannot grow so far, `conflict` for one that sleeps, `not_found`
   */
  growRoot(vm: string, bytes: number, signal?: AbortSignal): Promise<void>;

  /** Stops a VM's processors, or lets them go on. */
  pause(vm: string): Promise<void>;
  resume(vm: string): Promise<void>;

  /**
   * Changes what a VM may reach, at once; connections that are open and not allowed any more are reset. Also of a VM that
   * sleeps.
   *
   * @throws ThawError `invalid_input` that names a wrong rule; `conflict` when the VM was not thawed with mode `rules`,
   *   or the new mode is not `rules` or `none`; `not_found`
   */
  setEgress(vm: string, egress: Egress): Promise<void>;

  /** Ends a VM and frees what it held. Ending one that is gone is no error. */
  end(vm: string): Promise<void>;

  get(vm: string): Vm | undefined;
  list(): Vm[];

  templates(): Promise<Template[]>;
  /**
   * Removes a template; running clones keep what they have mapped. Removing one that is gone is no error. A shared one
   * stays: other servers may stand on it. The host removes those that are outdated.
   */
  removeTemplate(template: string): Promise<void>;

  exec(vm: string, request: ExecRequest, signal?: AbortSignal): AsyncIterable<ExecEvent>;
  /** Unpacks a tar stream at `path` inside the guest. */
  putTree(vm: string, path: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** Packs what is at `path` inside the guest. */
  getTree(vm: string, path: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** What commands in the VM get from now on, below what each is given. */
  setEnvironment(vm: string, environment: Record<string, string>, signal?: AbortSignal): Promise<void>;
  startProcess(vm: string, request: ProcessRequest, signal?: AbortSignal): Promise<void>;
  /** Ends that process: SIGTERM, and SIGKILL after five seconds. @throws ThawError `not_found` when none was started */
  stopProcess(vm: string, signal?: AbortSignal): Promise<void>;
  waitListening(vm: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<Listening>;
  /** What the supervised process wrote after line `after` (0 = all that is kept); with `follow` goes on until the VM ends. */
  logs(vm: string, options: { after: number; follow: boolean }, signal?: AbortSignal): AsyncIterable<GuestLogLine>;
  /** Background work that the code in the VM says it still has (`ctx.waitUntil`). */
  pendingWork(vm: string, signal?: AbortSignal): Promise<number>;

  /** Ends of VMs, and what they were refused, from now on, until `signal` fires. */
  events(signal: AbortSignal): AsyncIterable<HostEvent>;
}

/** Name of the environment variable that names the gateway's proxy to a guest with `mode: 'hosts'`. */
export const EGRESS_PROXY_URL = 'THAW_EGRESS_PROXY';
