import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Ended {
  /** Null when a signal ended it; 127 when there is no such program. */
  code: number | null;
  /** What it wrote on standard output and on standard error, as it came. */
  said: string;
}

export interface ProgramOptions {
  cwd?: string;
  /** Variables on top of this process's own. */
  env?: Record<string, string>;
  /** `show` lets it write to the terminal itself; nothing is kept then. */
  output?: 'keep' | 'show';
  signal: AbortSignal;
}

/** Runs a program to its end; how it ended is no reason to throw. @throws the signal's reason, once it has ended */
export async function program(
  argv: readonly string[],
  { cwd, env = {}, output = 'keep', signal }: ProgramOptions,
): Promise<Ended> {
  signal.throwIfAborted();
  // env(1) adds variables without this process having to read its own.
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const stdio = output === 'show' ? 'inherit' : 'pipe';
  const child = spawn('env', [...variables, ...argv], { cwd, stdio: ['ignore', stdio, stdio], signal });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  // It is only over when it has ended: a signal asks it to.
  child.once('error', (error) => child.pid === undefined && reject(error));
  child.once('close', (code) => (signal.aborted ? reject(signal.reason) : resolve({ code, said })));
  return promise;
}
