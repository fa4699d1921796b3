import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { limitIn, limitOf, MOST_OUTPUT, TOO_MUCH_OUTPUT } from './limits.ts';
import { withoutNoise } from './noise.ts';
import { Failed, type Tell } from './say.ts';

/** Last lines of a tool that are kept. */
const TAIL = 40;
/** Characters of one line that are kept; a tool may write without an end. */
const LONGEST_LINE = 16 * 1024;
/** Milliseconds for the last output of a tool that has ended; what left its process group may hold the pipe for ever. */
const LINGER = 500;

export interface CommandOptions {
  cwd: string;
  env?: Record<string, string>;
  /** Passes each line on as it comes; default: nothing is shown. */
  tell?: Tell;
  /** Ends the tool and all that it started. */
  signal: AbortSignal;
}

interface Ended {
  code: number | null;
  signal: string | null;
  tail: string[];
  /** It was ended because it wrote too much. */
  flooded: boolean;
}

/** Runs a tool to its end in a process group of its own, and gives back its last lines. Nothing of the group stays. */
export async function run(argv: string[], { cwd, env = {}, tell, signal }: CommandOptions): Promise<Ended> {
  signal.throwIfAborted();
  const [file = '', ...rest] = argv;
  const child = spawn(file, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = () => endGroup(child);
  signal.addEventListener('abort', end, { once: true });
  const tail: string[] = [];
  let bytes = 0;
  const take = withoutNoise((line) => {
    tell?.({ output: line });
    tail.push(line);
    if (tail.length > TAIL) tail.shift();
  });
  const streams = [child.stdout, child.stderr];
  const flushes = streams.map((stream) => {
    stream.on('data', (data: string) => {
      bytes += data.length;
      if (bytes > MOST_OUTPUT) end();
    });
    return lines(stream, take);
  });
  const closed = Promise.withResolvers<void>();
  child.once('close', () => closed.resolve());
  try {
    const [code, killed] = await once(child, 'exit');
    end(); // What it left in the background would go on writing into the tree.
    const timer = setTimeout(closed.resolve, LINGER);
    await closed.promise;
    clearTimeout(timer);
    for (const stream of streams) stream.destroy();
    for (const flush of flushes) flush();
    signal.throwIfAborted();
    return { code, signal: killed, tail, flooded: bytes > MOST_OUTPUT };
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * Runs a step of the build.
 *
 * @param what begins the failure's message, e.g. `The build step`
 * @throws Failed with the tool's last lines, and the limit that stopped it if it was one
 */
export async function step(what: string, argv: string[], options: CommandOptions): Promise<void> {
  const ended = await run(argv, options).catch((error: NodeJS.ErrnoException) => {
    if (options.signal.aborted) throw error;
    throw new Failed(limitIn([error.message]) ?? `${what} failed: ${argv[0]} could not be started (${error.code}).`);
  });
  const { code, signal, tail, flooded } = ended;
  if (flooded) throw new Failed(TOO_MUCH_OUTPUT, { output: tail });
  if (code === 0) return;
  throw new Failed(limitOf(code, signal, tail) ?? `${what} failed (${signal ?? `exit code ${code}`}).`, {
    output: tail,
  });
}

/** A step that is a command line of the author's own. */
export function shell(what: string, command: string, options: CommandOptions): Promise<void> {
  return step(what, ['sh', '-c', command], options);
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
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
