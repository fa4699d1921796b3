import type { LogLine, LogQuery } from './contract.ts';
import { matcherOf } from './query.ts';
import { search } from './search.ts';
import { Segments } from './segments.ts';
import { restore, store } from './stored.ts';

/** Lines that a reader may be behind; of more it loses the oldest. */
const MOST_BEHIND = 10_000;
/** More than this part of a file is written in several steps, so that a log stays within its bound. */
const PART_OF_FILE = 1 / 4;

type Listener = (lines: LogLine[]) => void;

/** The logs of all apps, on disk, bounded; to be searched and followed. */
export class LogStore {
  readonly #segments: Segments;
  readonly #queues = new Map<string, Promise<void>>();
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Apps that are gone. Their ids never come back; their last lines may come late. */
  readonly #removed = new Set<string>();

  /** @param bytes most bytes kept for one app */
  constructor(directory: string, bytes: number) {
    this.#segments = new Segments(directory, bytes);
  }

  /** Adds lines of an app, in the order of the calls. */
  append(app: string, lines: LogLine[]): Promise<void> {
    return this.#append(app, lines.map(store), () => lines);
  }

  /** Adds lines of an app that are as `stored.ts` makes them; they are read again only for those who follow. */
  appendStored(app: string, lines: string[]): Promise<void> {
    return this.#append(app, lines, () => lines.map(restore).filter((line) => line !== undefined));
  }

  #append(app: string, stored: string[], told: () => LogLine[]): Promise<void> {
    if (stored.length === 0) return Promise.resolve();
    return this.#inTurn(app, async () => {
      if (this.#removed.has(app)) return;
      for (const text of pieces(stored, this.#segments.segmentBytes * PART_OF_FILE))
        await this.#segments.append(app, text);
      const listeners = this.#listeners.get(app);
      if (listeners === undefined) return;
      const lines = told();
      for (const listener of listeners) listener(lines);
    });
  }

  /** The newest `limit` lines of an app that match, oldest first. */
  async read(app: string, query: LogQuery, limit: number): Promise<LogLine[]> {
    return search(await this.#inTurn(app, () => this.#segments.extents(app)), query, limit);
  }

  /** What `read` tells, then what is added and matches, until `signal` fires. */
  async *follow(app: string, query: LogQuery, limit: number, signal: AbortSignal): AsyncIterable<LogLine> {
    const { matches } = matcherOf(query);
    const queue: LogLine[] = [];
    let wake = () => {};
    const listener = (lines: LogLine[]) => {
      for (const line of lines) if (matches(line)) queue.push(line);
      queue.splice(0, Math.max(0, queue.length - MOST_BEHIND));
      wake();
    };
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      // Nothing is written between the looking and the listening: each line comes once.
      const past = await this.#inTurn(app, async () => {
        const extents = await this.#segments.extents(app);
        this.#listen(app, listener);
        return extents;
      });
      yield* await search(past, query, limit);
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

  /** Removes all lines of an app, for good. */
  remove(app: string): Promise<void> {
    return this.#inTurn(app, () => {
      this.#removed.add(app);
      return this.#segments.remove(app);
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
}

/** Lines with their ends, in pieces of at most `most` bytes, or one line. */
function* pieces(lines: readonly string[], most: number): Generator<string> {
  const all = `${lines.join('\n')}\n`;
  if (Buffer.byteLength(all) <= most) {
    yield all;
    return;
  }
  let piece = '';
  let bytes = 0;
  for (const line of lines) {
    const text = `${line}\n`;
    const more = Buffer.byteLength(text);
    if (piece !== '' && bytes + more > most) {
      yield piece;
      piece = '';
      bytes = 0;
    }
    piece += text;
    bytes += more;
  }
  yield piece;
}
