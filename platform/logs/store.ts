import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** One line that the code of an app wrote. */
export interface LogLine {
  /** ISO 8601 with milliseconds. */
  time: string;
  instance: string;
  deployment: string;
  stream: 'stdout' | 'stderr';
  line: string;
}

/** A log is this many files; the oldest goes when a new one begins, so the bound holds within one file's size. */
const SEGMENTS = 4;
/** Lines that a reader may be behind; of more it loses the oldest. */
const MOST_BEHIND = 10_000;

type Listener = (lines: LogLine[]) => void;

/**
 * What the code of each app wrote, on disk, bounded:
 *
 *   <directory>/<app id>/<number>.ndjson     one JSON object a line, numbers grow
 */
export class LogStore {
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #queues = new Map<string, Promise<void>>();
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Apps whose newest file ends with a whole line. */
  readonly #whole = new Set<string>();

  /** @param bytes most bytes kept for one app */
  constructor(directory: string, bytes: number) {
    this.#directory = directory;
    this.#segmentBytes = Math.max(4096, Math.floor(bytes / SEGMENTS));
  }

  /** Adds lines of an app, in the order of the calls. */
  append(app: string, lines: LogLine[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    return this.#inTurn(app, async () => {
      await this.#write(app, lines);
      for (const listener of this.#listeners.get(app) ?? []) listener(lines);
    });
  }

  /** The last `count` lines of an app, oldest first. */
  tail(app: string, count: number): Promise<LogLine[]> {
    return this.#inTurn(app, () => this.#read(app, count));
  }

  /** The last `count` lines, then what is added, until `signal` fires. */
  async *follow(app: string, count: number, signal: AbortSignal): AsyncIterable<LogLine> {
    const queue: LogLine[] = [];
    let wake = () => {};
    const listener = (lines: LogLine[]) => {
      queue.push(...lines);
      queue.splice(0, Math.max(0, queue.length - MOST_BEHIND));
      wake();
    };
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      // Nothing is written between the reading and the listening: each line comes once.
      yield* await this.#inTurn(app, async () => {
        const past = await this.#read(app, count);
        this.#listen(app, listener);
        return past;
      });
      while (!signal.aborted) {
        while (queue.length > 0 && !signal.aborted) yield queue.shift() as LogLine;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#unlisten(app, listener);
    }
  }

  /** Removes all lines of an app. */
  remove(app: string): Promise<void> {
    return this.#inTurn(app, () => {
      this.#whole.delete(app);
      return rm(join(this.#directory, app), { recursive: true, force: true });
    });
  }

  /** Does one thing after the other for each app. */
  #inTurn<T>(app: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(app) ?? Promise.resolve();
    const done = before.then(work);
    const settled = done.then(
      () => {},
      () => {},
    );
    this.#queues.set(app, settled);
    void settled.then(() => {
      if (this.#queues.get(app) === settled) this.#queues.delete(app);
    });
    return done;
  }

  #listen(app: string, listener: Listener): void {
    const listeners = this.#listeners.get(app) ?? new Set();
    this.#listeners.set(app, listeners.add(listener));
  }

  #unlisten(app: string, listener: Listener): void {
    const listeners = this.#listeners.get(app);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(app);
  }

  async #read(app: string, count: number): Promise<LogLine[]> {
    const found: LogLine[][] = [];
    let missing = count;
    for (const number of (await this.#segments(app)).reverse()) {
      if (missing <= 0) break;
      const text = await readFile(this.#file(app, number), 'utf8').catch(() => '');
      const lines = text.split('\n').flatMap(parseLine).slice(-missing);
      missing -= lines.length;
      found.unshift(lines);
    }
    return found.flat();
  }

  async #write(app: string, lines: LogLine[]): Promise<void> {
    const numbers = await this.#segments(app);
    let current = numbers.at(-1) ?? 0;
    if (numbers.length === 0) await mkdir(join(this.#directory, app), { recursive: true, mode: 0o700 });
    const size = await stat(this.#file(app, current)).then(
      (found) => found.size,
      () => 0,
    );
    if (size >= this.#segmentBytes) {
      current += 1;
      for (const old of numbers.slice(0, Math.max(0, numbers.length - SEGMENTS + 1)))
        await rm(this.#file(app, old), { force: true });
    }
    await using file = await open(this.#file(app, current), 'a', 0o600);
    // What an earlier server was killed in the middle of must not swallow the line after it.
    const begin = this.#whole.has(app) ? '' : '\n';
    await file.writeFile(`${begin}${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    this.#whole.add(app);
  }

  async #segments(app: string): Promise<number[]> {
    const names = await readdir(join(this.#directory, app)).catch(() => []);
    return names
      .map((name) => Number.parseInt(name, 10))
      .filter(Number.isSafeInteger)
      .sort((a, b) => a - b);
  }

  #file(app: string, number: number): string {
    return join(this.#directory, app, `${number}.ndjson`);
  }
}

/** A line cut short by a crash is left out. */
function parseLine(text: string): LogLine[] {
  if (text === '') return [];
  try {
    return [JSON.parse(text) as LogLine];
  } catch {
    return [];
  }
}
