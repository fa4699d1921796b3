import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Limits of one VMM process. Version 2 where it is the machine's hierarchy:
 *
 *   /sys/fs/cgroup/thaw/<server>/<vm>/{cpu.max, memory.max, pids.max}
 *
 * or version 1, one directory a controller:
 *
 *   /sys/fs/cgroup/{cpu,memory,pids}/thaw/<server>/<vm>/...
 */
const ROOT = '/sys/fs/cgroup';
/** Period of the CPU quota in microseconds; the kernel's own default. */
const PERIOD_US = 100_000;
/** A VMM has a handful of threads: processors, I/O workers, the monitor. */
const VMM_TASKS = 64;

export type CgroupVersion = 1 | 2;

export interface Limits {
  /** Cores; 0.5 is half of one. */
  cpus: number;
  memoryBytes: number;
}

/** Which hierarchy holds the controllers, or undefined when neither does. */
export async function cgroupVersion(): Promise<CgroupVersion | undefined> {
  const controllers = await readFile(join(ROOT, 'cgroup.controllers'), 'utf8').catch(() => '');
  if (['cpu', 'memory', 'pids'].every((name) => controllers.split(/\s+/).includes(name))) return 2;
  if (['cpu', 'memory', 'pids'].every((name) => existsSync(join(ROOT, name, 'cgroup.procs')))) return 1;
  return undefined;
}

/** The cgroups of one server's VMs. */
export class Cgroups implements AsyncDisposable {
  readonly #version: CgroupVersion | undefined;
  readonly #parents: string[];

  private constructor(version: CgroupVersion | undefined, serverId: string) {
    this.#version = version;
    const controllers = version === 1 ? ['cpu', 'memory', 'pids'] : version === 2 ? ['.'] : [];
    this.#parents = controllers.map((name) => join(ROOT, name, 'thaw', serverId));
  }

  /** Makes the parent directories. Without any hierarchy VMs run unlimited, which `thaw doctor` tells. */
  static async open(serverId: string): Promise<Cgroups> {
    const cgroups = new Cgroups(await cgroupVersion(), serverId);
    for (const parent of cgroups.#parents) await mkdir(parent, { recursive: true });
    if (cgroups.#version === 2) {
      for (const directory of [ROOT, join(ROOT, 'thaw'), join(ROOT, 'thaw', serverId)]) {
        await writeFile(join(directory, 'cgroup.subtree_control'), '+cpu +memory +pids');
      }
    }
    return cgroups;
  }

  /** Makes the cgroup of a VM. @returns the `cgroup.procs` files for `joinCgroups` */
  async create(vm: string, limits: Limits): Promise<string[]> {
    const quota = Math.max(1000, Math.round(limits.cpus * PERIOD_US));
    const values: [string, string][] =
      this.#version === 2
        ? [
            ['cpu.max', `${quota} ${PERIOD_US}`],
            ['memory.max', String(limits.memoryBytes)],
            ['pids.max', String(VMM_TASKS)],
          ]
        : [
            ['cpu.cfs_period_us', String(PERIOD_US)],
            ['cpu.cfs_quota_us', String(quota)],
            ['memory.limit_in_bytes', String(limits.memoryBytes)],
            ['pids.max', String(VMM_TASKS)],
          ];
    await Promise.all(
      this.#parents.map(async (parent) => {
        const directory = join(parent, vm);
        await mkdir(directory, { recursive: true });
        const controller = this.#version === 1 ? `${parent.split('/')[4]}.` : '';
        for (const [file, value] of values) {
          if (file.startsWith(controller)) await writeFile(join(directory, file), value);
        }
      }),
    );
    return this.#parents.map((parent) => join(parent, vm, 'cgroup.procs'));
  }

  /** True when the kernel killed the VMM for its memory. */
  async wasOutOfMemory(vm: string): Promise<boolean> {
    const parent = this.#version === 1 ? this.#parents[1] : this.#parents[0];
    if (parent === undefined) return false;
    const file = this.#version === 1 ? 'memory.oom_control' : 'memory.events';
    const text = await readFile(join(parent, vm, file), 'utf8').catch(() => '');
    return /^oom_kill [1-9]/m.test(text);
  }

  /** Removes the cgroup of a VM whose process has ended. */
  async remove(vm: string): Promise<void> {
    await Promise.all(this.#parents.map((parent) => removeDirectory(join(parent, vm))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#parents.map((parent) => rmdir(parent).catch(() => {})));
  }
}

/**
 * Moves a process with its threads into cgroups. The kernel lets running readers of its lock finish first, which takes
 * 5 to 15 ms of waiting and no work.
 *
 * @param procs what `Cgroups.create` returned
 */
export async function joinCgroups(procs: string[], pid: number): Promise<void> {
  await Promise.all(procs.map((file) => writeFile(file, String(pid))));
}

/** A cgroup stays busy for a moment after its last process was reaped. */
async function removeDirectory(path: string): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    try {
      await rmdir(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      await sleep(10);
    }
  }
}
