import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomId } from './ids.ts';
import type { MachineRecord } from './vmm/contract.ts';
import { isRunning, startTimeOf } from './vmm/process.ts';

const POLL_MS = 50;

/**
 * Takes an exclusive lock file, waiting for whoever has it. A lock whose process
 * has ended is taken over.
 *
 * @throws the signal's reason
 */
export async function lockFile(path: string, signal?: AbortSignal): Promise<AsyncDisposable> {
  for (;;) {
    const lock = await tryLockFile(path);
    if (lock) return lock;
    await sleep(POLL_MS, undefined, signal ? { signal } : {});
  }
}

/** The lock, or undefined when a running process has it. */
async function tryLockFile(path: string): Promise<AsyncDisposable | undefined> {
  const holder = await readHolder(path);
  if (holder !== undefined && !(await isRunning(holder))) await removeStale(path, holder);
  // Whole from the first moment: a lock without a holder could never be taken over.
  const beside = `${path}.${randomId('', 8)}`;
  await writeFile(beside, `${process.pid} ${await startTimeOf(process.pid)}\n`, { mode: 0o600 });
  try {
    await link(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** Removes the lock of `holder`, which has ended. Another process may have done so, and have a lock of its own there by now. */
async function removeStale(path: string, holder: MachineRecord): Promise<void> {
  const aside = `${path}.${randomId('', 8)}`;
  await rename(path, aside).catch(() => {});
  const found = await readHolder(aside);
  // Taken from somebody who runs: given back, unless yet another was faster.
  if (found !== undefined && (found.pid !== holder.pid || found.startTime !== holder.startTime)) {
    await link(aside, path).catch(() => {});
  }
  await rm(aside, { force: true });
}

async function readHolder(path: string): Promise<MachineRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const [pid, startTime] = text?.trim().split(' ') ?? [];
  if (pid === undefined || startTime === undefined) return undefined;
  return { pid: Number(pid), startTime };
}
