import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { MachineRecord } from './contract.ts';

/** How often a process that is not our child is looked for after it was told to end. */
const POLL_MS = 5;

/**
 * Start time of a process, in clock ticks since boot: field 22 of its stat line
 * (proc_pid_stat(5)). Undefined when there is no such process or it is a zombie.
 */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The second field, the name, may hold spaces and brackets: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** True when exactly the recorded process still runs. */
export async function isRunning(record: MachineRecord): Promise<boolean> {
  return (await startTimeOf(record.pid)) === record.startTime;
}

/** Kills the recorded process, if it is still that one, and waits until it is gone. */
export async function killRecorded(record: MachineRecord): Promise<void> {
  while (await isRunning(record)) {
    try {
      process.kill(record.pid, 'SIGKILL');
    } catch {
      return; // gone in between
    }
    await sleep(POLL_MS);
  }
}

/**
 * Running processes of `program` whose argument after `flag` begins with `prefix`,
 * by that argument.
 */
export async function findByArgument(
  program: string,
  flag: string,
  prefix: string,
): Promise<Map<string, MachineRecord>> {
  const found = new Map<string, MachineRecord>();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  await Promise.all(
    pids.map(async (pid) => {
      const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      const value = args[0] === program ? args[args.indexOf(flag) + 1] : undefined;
      if (value === undefined || !args.includes(flag) || !value.startsWith(prefix)) return;
      const startTime = await startTimeOf(pid);
      if (startTime !== undefined) found.set(value, { pid, startTime });
    }),
  );
  return found;
}

/** True when some process has this id now. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Sees to it that a process may write files of this size. Done as the process's own user, who may change its limits: root in
 * a container often may not.
 */
export async function raiseFileLimit(pid: number, bytes: number): Promise<void> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8');
  const now = /^Max file size +(\d+|unlimited)/m.exec(limits)?.[1];
  if (now === 'unlimited' || Number(now) >= bytes) return;
  const [, uid, gid] = /^Uid:\t(\d+)[\s\S]*^Gid:\t(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  const as = { uid: Number(uid), gid: Number(gid) };
  await promisify(execFile)('/usr/bin/prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], as);
}
