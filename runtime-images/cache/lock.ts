import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ThawError } from '../../platform/errors.ts';

/**
 * Holds the machine's lock on `path` until disposed, so that one process at a
 * time builds. The kernel keeps the lock (flock(2), by util-linux's `flock`) and
 * drops it when the holder ends in whatever way: none can be left behind stale.
 *
 * @param onWait called once when another process has it and this one has to wait
 * @throws the signal's reason when aborted while waiting
 */
export async function lock(path: string, signal: AbortSignal, onWait: () => void): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  const free = await tryLock(path, ['--nonblock'], signal);
  if (free) return free;
  onWait();
  const later = await tryLock(path, [], signal);
  if (later) return later;
  throw new ThawError('internal', `${path} cannot be locked.`);
}

/** `cat` inherits the locked descriptor and ends with this process, whose end closes its standard input. */
async function tryLock(path: string, mode: string[], signal: AbortSignal): Promise<AsyncDisposable | undefined> {
  signal.throwIfAborted();
  const holder = spawn('flock', ['--exclusive', ...mode, '--no-fork', path, 'sh', '-c', 'echo && exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(holder, 'exit').catch((cause) => {
    throw new ThawError('misconfigured', 'flock cannot be started.', { hint: 'Install util-linux.', cause });
  });
  const abort = () => holder.kill();
  signal.addEventListener('abort', abort, { once: true });
  const locked = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]).finally(
    () => signal.removeEventListener('abort', abort),
  );
  if (!locked) {
    signal.throwIfAborted();
    return undefined;
  }
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await ended;
    },
  };
}
