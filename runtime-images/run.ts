import { spawn } from 'node:child_process';
import { ThawError } from '../platform/errors.ts';

/** How much of a failed command's output its error carries. */
const TAIL_BYTES = 4000;

export interface RunOptions {
  cwd?: string;
  /** Variables on top of this process's own: the host's proxy and certificate settings have to reach apt and npm. */
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
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    signal: options.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  let tail = '';
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-TAIL_BYTES);
  });
  const ended = Promise.withResolvers<number | null>();
  child.once('error', ended.reject);
  child.once('close', ended.resolve);

  let code: number | null;
  try {
    code = await ended.promise;
  } catch (cause) {
    options.signal.throwIfAborted();
    throw new ThawError('misconfigured', `${program} cannot be started.`, {
      hint: `Install it; \`npm run setup\` names the packages that Thaw needs.`,
      cause,
    });
  }
  const text = Buffer.concat(output).toString();
  if (code !== 0) {
    throw new ThawError('internal', `${program} failed (${code ?? 'killed'}): ${(tail || text).trim().slice(-TAIL_BYTES)}`);
  }
  return text;
}
