import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
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
export async function tryLockFile(path: string): Promise<AsyncDisposable | undefined> {
  const holder = await readHolder(path);
  if (holder !== undefined && !(await isRunning(holder))) await rm(path, { force: true });
  try {
    await using handle = await open(path, 'wx', 0o600);
    await handle.writeFile(`${process.pid} ${await startTimeOf(process.pid)}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function readHolder(path: string): Promise<{ pid: number; startTime: string } | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const [pid, startTime] = text?.trim().split(' ') ?? [];
  if (pid === undefined || startTime === undefined) return undefined;
  return { pid: Number(pid), startTime };
}
