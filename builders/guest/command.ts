import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Failed, type Tell } from './say.ts';

/** Last lines of a tool that are kept. */
const TAIL = 40;
/** Characters of one line that are kept; a tool may write without an end. */
const LONGEST_LINE = 4000;
/** Says where a log file is that goes away with the VM. */
const NOISE = /complete log of this run can be found in|^npm error\s*$/;

/** What tools say when a limit of the build VM stops them. */
const LIMITS: [pattern: RegExp, message: string][] = [
  [/ENOSPC|No space left on device/i, 'The build filled its disk.'],
  [
    /\b(EAGAIN|Resource temporarily unavailable|Cannot fork|can't start new thread)\b/i,
    'The build started more processes than it may.',
  ],
  [/JavaScript heap out of memory|MemoryError|Cannot allocate memory|\bENOMEM\b/, 'The build ran out of memory.'],
];

/** Tools that run; ended with the order that started them. */
const running = new Set<ChildProcess>();

export interface CommandOptions {
  cwd: string;
  env?: Record<string, string>;
  /** Passes each line on as it comes; default: nothing is shown. */
  tell?: Tell;
}

/** Runs a tool to its end in a process group of its own, and gives back its last lines. */
export async function run(
  argv: string[],
  { cwd, env = {}, tell }: CommandOptions,
): Promise<{ code: number | null; signal: string | null; tail: string[] }> {
  const [file = '', ...rest] = argv;
  const child = spawn(file, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const tail: string[] = [];
  const take = (line: string) => {
    if (line.trim() === '' || NOISE.test(line)) return;
    tell?.({ output: line });
    tail.push(line);
    if (tail.length > TAIL) tail.shift();
  };
  const ends = [child.stdout, child.stderr].map((stream) => lines(stream, take));
  try {
    const [code, signal] = await once(child, 'close');
    for (const end of ends) end();
    return { code, signal, tail };
  } finally {
    running.delete(child);
  }
}

/**
 * Runs a step of the build.
 *
 * @param what begins the failure's message, e.g. `The build step`
 * @throws Failed with the tool's last lines, and the limit that stopped it if it was one
 */
export async function step(what: string, argv: string[], options: CommandOptions): Promise<void> {
  const { code, signal, tail } = await run(argv, options).catch((error: NodeJS.ErrnoException) => {
    throw new Failed(`${what} failed: ${argv[0]} could not be started (${error.code}).`);
  });
  if (code === 0) return;
  const limit = LIMITS.find(([pattern]) => tail.some((line) => pattern.test(line)))?.[1];
  const killed = signal === 'SIGKILL' ? 'The build ran out of memory.' : undefined;
  const how = signal ?? `exit code ${code}`;
  throw new Failed(limit ?? killed ?? `${what} failed (${how}).`, { output: tail });
}

/** A step that is a command line of the author's own. */
export function shell(what: string, command: string, options: CommandOptions): Promise<void> {
  return step(what, ['sh', '-c', command], options);
}

/** Ends everything that runs: who ordered it has gone. */
export function endAll(): void {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
}

/** Cuts a stream into lines of bounded length. Returns what is to be called at its end. */
function lines(stream: NodeJS.ReadableStream, take: (line: string) => void): () => void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split(/\r\n|\n|\r/);
    rest = (parts.pop() ?? '').slice(0, LONGEST_LINE);
    for (const part of parts) take(part.slice(0, LONGEST_LINE));
  });
  return () => {
    if (rest !== '') take(rest);
  };
}
