import { spawn } from 'node:child_process';
import { ThawError } from '../platform/errors.ts';

/** How much of a failed command's output its error carries. */
const TAIL_BYTES = 4000;

/** What env(1) exits with when it finds no such program. */
const NOT_FOUND = 127;

export interface RunOptions {
  cwd?: string;
  /** Variables on top of this process's own, which hold the host's proxy and certificate settings for apt and npm. */
  env?: Record<string, string>;
  signal: AbortSignal;
}

/**
 * Runs a program of the host to its end and answers its standard output.
 *
 * @throws ThawError `misconfigured` when it is not installed, `internal` when it
 *   fails, with the end of what it said; the signal's reason when aborted
 */
export async function run(program: string, args: string[], options: RunOptions): Promise<string> {
  options.signal.throwIfAborted();
  const variables = Object.entries({ LC_ALL: 'C', ...options.env }).map(([name, value]) => `${name}=${value}`);
  const child = spawn('env', [...variables, program, ...args], {
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, to be stopped as a whole: mmdebstrap leaves it to its children to hear a signal.
    detached: true,
  });
  const output: Buffer[] = [];
  let tail = '';
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-TAIL_BYTES);
  });
  const ended = Promise.withResolvers<number | null>();
  // It may have mounts to undo, so its end is awaited also when it is told to stop.
  const stop = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGTERM');
  };
  options.signal.addEventListener('abort', stop, { once: true });
  child.once('error', ended.reject);
  child.once('close', ended.resolve);

  const code = await ended.promise.finally(() => options.signal.removeEventListener('abort', stop));
  options.signal.throwIfAborted();
  const text = Buffer.concat(output).toString();
  if (code === NOT_FOUND) {
    throw new ThawError('misconfigured', `${program} is not installed.`, {
      hint: '`npm run setup` installs the packages that Thaw needs.',
    });
  }
  if (code !== 0) {
    throw new ThawError(
      'internal',
      `${program} failed (${code ?? 'killed'}): ${(tail || text).trim().slice(-TAIL_BYTES)}`,
    );
  }
  return text;
}
