import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A log is this many files; the oldest goes when a new one begins. */
const SEGMENTS = 4;
const SMALLEST_SEGMENT_BYTES = 4096;

/** A file of a log, and how much of it was there at some moment. It only grows, and may be removed. */
export interface Extent {
  path: string;
  bytes: number;
}

/** What is known of an app's newest file. */
interface Newest {
  numbers: number[];
  bytes: number;
  /** It ends with a whole line. */
  whole: boolean;
}

/**
 * The files of logs, bounded:
 *
 *   <directory>/<app id>/<number>.ndjson     one JSON object a line, numbers grow
 *
 * Of one app, one thing is to be asked for at a time.
 */
export class Segments {
  /** Most bytes of a file; only one write that is longer gets a longer file. */
  readonly segmentBytes: number;
  readonly #directory: string;
  readonly #newest = new Map<string, Newest>();

  /** @param bytes most bytes kept for one app */
  constructor(directory: string, bytes: number) {
    this.#directory = directory;
    this.segmentBytes = Math.max(SMALLEST_SEGMENT_BYTES, Math.floor(bytes / SEGMENTS));
  }

  /** Adds whole lines, each with its line end. */
  async append(app: string, lines: string): Promise<void> {
    const newest = await this.#look(app);
    // Of what is written only in part nothing is known any more.
    this.#newest.delete(app);
    if (newest.numbers.length === 0) {
      await mkdir(join(this.#directory, app), { recursive: true, mode: 0o700 });
      newest.numbers.push(0);
    } else if (newest.bytes > 0 && newest.bytes + Buffer.byteLength(lines) > this.segmentBytes) {
      newest.numbers.push((newest.numbers.at(-1) ?? 0) + 1);
      Object.assign(newest, { bytes: 0, whole: true });
      for (const old of newest.numbers.splice(0, Math.max(0, newest.numbers.length - SEGMENTS)))
        await rm(this.#file(app, old), { force: true });
    }
    await using file = await open(this.#file(app, newest.numbers.at(-1) ?? 0), 'a', 0o600);
    // What an earlier server was killed in the middle of must not swallow the line after it.
    const text = newest.whole ? lines : `\n${lines}`;
    await file.writeFile(text);
    this.#newest.set(app, { ...newest, bytes: newest.bytes + Buffer.byteLength(text), whole: true });
  }

  /** What is there now, oldest first. */
  async extents(app: string): Promise<Extent[]> {
    const { numbers, bytes } = await this.#look(app);
    const older = numbers.slice(0, -1).map((number) => this.#file(app, number));
    const sized = await Promise.all(older.map(async (path) => ({ path, bytes: await sizeOf(path) })));
    const last = numbers.at(-1);
    return last === undefined ? [] : [...sized, { path: this.#file(app, last), bytes }];
  }

  async remove(app: string): Promise<void> {
    this.#newest.delete(app);
    await rm(join(this.#directory, app), { recursive: true, force: true });
  }

  async #look(app: string): Promise<Newest> {
    const known = this.#newest.get(app);
    if (known !== undefined) return known;
    const names = await readdir(join(this.#directory, app)).catch(() => []);
    const numbers = names
      .map((name) => Number.parseInt(name, 10))
      .filter(Number.isSafeInteger)
      .sort((a, b) => a - b);
    const last = numbers.at(-1);
    const bytes = last === undefined ? 0 : await sizeOf(this.#file(app, last));
    return { numbers, bytes, whole: bytes === 0 };
  }

  #file(app: string, number: number): string {
    return join(this.#directory, app, `${number}.ndjson`);
  }
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
