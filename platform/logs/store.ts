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

/**
 * What the code of each app wrote, on disk, bounded:
 *
 *   <directory>/<app id>/<number>.ndjson     one JSON object a line, numbers grow
 */
export class LogStore {
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #queues = new Map<string, Promise<void>>();
  readonly #listeners = new Map<string, Set<(lines: LogLine[]) => void>>();

  /** @param bytes most bytes kept for one app */
  constructor(directory: string, bytes: number) {
    this.#directory = directory;
    this.#segmentBytes = Math.max(4096, Math.floor(bytes / SEGMENTS));
  }

  /** Adds lines of an app, in the order of the calls. */
  append(app: string, lines: LogLine[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    const before = this.#queues.get(app) ?? Promise.resolve();
    const written = before.catch(() => {}).then(() => this.#write(app, lines));
    this.#queues.set(app, written);
    const settled = () => {
      if (this.#queues.get(app) === written) this.#queues.delete(app);
    };
    written.then(settled, settled);
    for (const listener of this.#listeners.get(app) ?? []) listener(lines);
    return written;
  }

  /** The last `count` lines of an app, oldest first. */
  async tail(app: string, count: number): Promise<LogLine[]> {
    await this.#queues.get(app)?.catch(() => {});
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

  /** The last `count` lines, then what is added, until `signal` fires. */
  async *follow(app: string, count: number, signal: AbortSignal): AsyncIterable<LogLine> {
    const queue: LogLine[] = [];
    let wake = () => {};
    const listener = (lines: LogLine[]) => {
      queue.push(...lines);
      wake();
    };
    const listeners = this.#listeners.get(app) ?? new Set();
    this.#listeners.set(app, listeners.add(listener));
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      const past = await this.tail(app, count);
      // What was added while the past was read is in it already.
      const known = new Set(past.slice(-queue.length || past.length).map((line) => JSON.stringify(line)));
      yield* past;
      const early = queue.splice(0).filter((line) => !known.has(JSON.stringify(line)));
      yield* early;
      while (!signal.aborted) {
        while (queue.length > 0) yield queue.shift() as LogLine;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(app);
    }
  }

  /** Removes all lines of an app. */
  async remove(app: string): Promise<void> {
    await this.#queues.get(app)?.catch(() => {});
    await rm(join(this.#directory, app), { recursive: true, force: true });
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
      for (const old of numbers.slice(0, numbers.length - SEGMENTS + 1))
        await rm(this.#file(app, old), { force: true });
    }
    await using file = await open(this.#file(app, current), 'a', 0o600);
    await file.writeFile(`${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
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
