import { execFile } from 'node:child_process';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ThawError } from '../../../errors.ts';
import { joinCgroups } from '../../cgroup.ts';
import { MOST_DISK_BYTES } from '../../disks.ts';
import type { Machine, MachineEnd, MachineRecord, MachineSpec, Vmm, VmmIdentity } from '../contract.ts';
import { type Bind, SYSTEM_BINDS, SYSTEM_LINKS, spawnJailed } from '../jail.ts';
import { fillMemory } from '../memory.ts';
import { findByArgument, isRunning, killRecorded, startTimeOf } from '../process.ts';
import { INCOMING_STATE, JAIL_PATHS, MACHINE_LAYOUT, type QemuFacts, qemuArguments } from './arguments.ts';
import { QemuMachine } from './machine.ts';
import { Monitor } from './monitor.ts';

export const QEMU_BINARY = '/usr/bin/qemu-system-x86_64';
const MONITOR_SOCKET = 'monitor.sock';
const MIB = 1024 * 1024;

/** QEMU's version as `[major, minor, micro]`. @throws ThawError `misconfigured` when it is not installed */
export async function qemuVersion(): Promise<[number, number, number]> {
  const { stdout } = await promisify(execFile)(QEMU_BINARY, ['--version']).catch((cause: unknown) => {
    throw new ThawError('misconfigured', 'QEMU is not installed.', { hint: 'Run `npm run setup`.', cause });
  });
  const found = /version (\d+)\.(\d+)\.(\d+)/.exec(stdout);
  if (!found) throw new ThawError('misconfigured', `QEMU told no version: ${stdout.slice(0, 80)}`);
  return [Number(found[1]), Number(found[2]), Number(found[3])];
}

/**
 * QEMU's `microvm` machine behind the VMM contract.
 *
 * @param jailBinary path of the compiled launcher
 */
export async function openQemu(jailBinary: string, accelerator: 'kvm' | 'tcg'): Promise<Vmm> {
  const version = await qemuVersion();
  const emulated = accelerator === 'tcg';
  const khz = emulated ? await timestampFrequency(jailBinary) : 0;
  const facts: QemuFacts = {
    binary: QEMU_BINARY,
    accelerator,
    cpu: emulated ? EMULATED_CPU : 'host',
    bootArguments: emulated ? emulatorBootArguments(khz) : [],
    mapsReadOnly: version[0] > 8 || (version[0] === 8 && version[1] >= 2),
  };
  return new QemuVmm(jailBinary, facts, {
    vmm: `qemu ${version.join('.')}`,
    accelerator,
    cpu: emulated
      ? `${EMULATED_CPU}, time stamps at ${Math.round(khz / 10_000) * 10} MHz`
      : `host: ${cpus()[0]?.model ?? 'unknown'}`,
    machine: MACHINE_LAYOUT,
  });
}

/**
 * The emulator runs a `rep movsb` or `rep stosb` byte by byte, so a guest must not
 * believe that such instructions are the fast way to copy or clear: with plain loops
 * a page is cleared in 64 steps and not in 4096.
 */
const EMULATED_CPU = 'max,-erms,-fsrm';
/** The kernel's own flag for `rep stosq`, X86_FEATURE_REP_GOOD; arch/x86/include/asm/cpufeatures.h: word 3, bit 16. */
const REP_GOOD = 3 * 32 + 16;

/** How fast this machine's time-stamp counter runs, in kHz; see jail/tsc.go. */
async function timestampFrequency(jailBinary: string): Promise<number> {
  const { stdout } = await promisify(execFile)(jailBinary, ['--tsc-khz']).catch((cause: unknown) => {
    throw new ThawError('misconfigured', 'The VM launcher cannot be run.', { hint: 'Run `npm run setup`.', cause });
  });
  return Number(stdout.trim());
}

/**
 * The emulator passes the host's time-stamp counter through. A guest that has to
 * find its frequency against an emulated timer fails, and hangs, when the host is
 * busy; so it is told, and told to trust it.
 *
 * It keeps the code that it has translated by address. Where each process has its libraries somewhere else, they are translated
 * anew for each: 28 ms for a `true`, and 9 without (measured). What faces strangers, the supervised process of an app, gets
 * random addresses all the same (agent/process.go).
 */
function emulatorBootArguments(khz: number): string[] {
  return [`tsc_early_khz=${khz}`, 'tsc=reliable', 'no_timer_check', `clearcpuid=${REP_GOOD}`, 'norandmaps'];
}

class QemuVmm implements Vmm {
  readonly identity: VmmIdentity;
  readonly mapsReadOnly: boolean;
  readonly #jail: string;
  readonly #facts: QemuFacts;

  constructor(jail: string, facts: QemuFacts, identity: VmmIdentity) {
    this.#jail = jail;
    this.#facts = facts;
    this.identity = identity;
    this.mapsReadOnly = facts.mapsReadOnly;
  }

  boot(spec: MachineSpec, signal?: AbortSignal): Promise<Machine> {
    return this.#start(spec, '', signal);
  }

  async load(spec: MachineSpec, state: string, signal?: AbortSignal): Promise<Machine> {
    await using stack = new AsyncDisposableStack();
    const { filled } = await fillMemory(this.#jail, spec.memory);
    // Whoever takes the files away afterwards must not meet who still writes them.
    stack.defer(() => filled.catch(() => {}));
    const machine = stack.use(await this.#start(spec, state, signal));
    try {
      await filled;
      await machine.load(INCOMING_STATE, signal);
      spec.mark?.('load');
    } catch (error) {
      signal?.throwIfAborted();
      throw await explained(error, spec.directory);
    }
    stack.move();
    return machine;
  }

  find(prefix: string): Promise<Map<string, MachineRecord>> {
    return findByArgument(QEMU_BINARY, '-name', prefix);
  }

  async adopt(directory: string, record: MachineRecord, signal?: AbortSignal): Promise<Machine | undefined> {
    if (!(await isRunning(record))) return undefined;
    const monitor = await Monitor.open(join(directory, MONITOR_SOCKET), Promise.resolve(), signal).catch(
      () => undefined,
    );
    if (monitor === undefined) {
      await killRecorded(record);
      return undefined;
    }
    const ended = monitor.closed.then(() => ({ code: null, signal: null }));
    return new QemuMachine(directory, record, monitor, ended);
  }

  async #start(spec: MachineSpec, state: string, signal?: AbortSignal): Promise<QemuMachine> {
    signal?.throwIfAborted();
    await Promise.all([
      mkdir(join(spec.directory, 'root'), { recursive: true }),
      mkdir(join(spec.directory, 'io'), { recursive: true }),
    ]);
    const monitorPath = join(spec.directory, MONITOR_SOCKET);
    const child = await spawnJailed(this.#jail, spec.directory, {
      netns: spec.netns,
      keepConnections: spec.keepConnections ?? false,
      tap: spec.tap,
      monitor: monitorPath,
      state,
      root: join(spec.directory, 'root'),
      binds: this.#binds(spec),
      devices: ['/dev/null', ...(this.#facts.accelerator === 'kvm' ? ['/dev/kvm'] : [])],
      links: SYSTEM_LINKS,
      uid: spec.uid,
      gid: spec.uid,
      fileLimit: await largestFile(spec),
      // A disk can be made larger under a VM that runs.
      fileMost: spec.data === undefined ? 0 : MOST_DISK_BYTES,
      argv: qemuArguments(this.#facts, spec, state === '' ? 'boot' : 'load'),
    });
    const ended = new Promise<MachineEnd>((resolve) =>
      child.once('exit', (code, endSignal) => resolve({ code, signal: endSignal })),
    );
    // Joining waits for the kernel (10 ms), so it happens while the VMM starts. The guest does not run before.
    const joined = joinCgroups(spec.cgroups, child.pid);
    joined.catch(() => {}); // awaited below
    const record = { pid: child.pid, startTime: (await startTimeOf(child.pid)) ?? '' };
    try {
      const monitor = await Monitor.open(monitorPath, ended, signal);
      await joined;
      spec.mark?.('spawn');
      return new QemuMachine(spec.directory, record, monitor, ended);
    } catch (error) {
      await Promise.allSettled([killRecorded(record), joined]);
      signal?.throwIfAborted();
      throw await explained(error, spec.directory);
    }
  }

  #binds(spec: MachineSpec): Bind[] {
    return [
      ...SYSTEM_BINDS,
      { from: spec.kernel, to: JAIL_PATHS.kernel },
      { from: spec.initramfs, to: JAIL_PATHS.initramfs },
      // Before QEMU 8.2 even a private mapping opens the file for writing.
      {
        from: spec.memory.path,
        to: JAIL_PATHS.memory,
        writable: spec.memory.shared || !(spec.memory.readOnly && this.mapsReadOnly),
      },
      ...spec.disks.map((from, index) => ({ from, to: JAIL_PATHS.disk(index), writable: index === 0 })),
      ...(spec.data ?? []).map(({ path }, index) => ({ from: path, to: JAIL_PATHS.data(index), writable: true })),
      { from: join(spec.directory, 'io'), to: JAIL_PATHS.io, writable: true },
    ];
  }
}

/** The largest file the VM itself needs, with room for qcow2's tables. */
async function largestFile(spec: MachineSpec): Promise<number> {
  const files = [spec.disks.at(-1) ?? spec.memory.path, ...(spec.data ?? []).map(({ path }) => path)];
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size));
  return Math.max(...sizes, spec.shape.memoryMiB * MIB) + 64 * MIB;
}

/** Adds what the VMM printed to a failure's cause. */
async function explained(error: unknown, directory: string): Promise<ThawError> {
  const printed = await readFile(join(directory, 'vmm.log'), 'utf8').catch(() => '');
  return new ThawError('thaw_failed', 'The VM could not be started.', {
    hint: '`thaw doctor` shows what this machine lacks; the server log has the VMM’s own words.',
    cause: new Error(printed.trim().slice(-2000) || 'the VMM printed nothing', { cause: error }),
  });
}
