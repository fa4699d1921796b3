import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The command as it is installed. */
export const THAW = fileURLToPath(new URL('../../platform/cli/thaw.sh', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  /** Besides PATH and HOME. */
  env?: Record<string, string>;
  cwd?: string;
}

export type Command = ChildProcessByStdio<null, Readable, Readable>;

/** Starts the real command; nothing of this process's environment but PATH and HOME gets in. */
export function start(args: string[], { env = {}, cwd }: Surroundings = {}): Command {
  const { PATH = '', HOME = '/' } = process.env;
  return spawn(THAW, args, { env: { PATH, HOME, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs the real command to its end. */
export async function thaw(args: string[], surroundings?: Surroundings): Promise<Ended> {
  return await ended(start(args, surroundings));
}

/** Waits for a command's end, and for all that it wrote. */
export async function ended(child: Command): Promise<Ended> {
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, signal, stdout, stderr };
}
