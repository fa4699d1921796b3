import type { CronRun } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import { ask } from './ask.ts';
import type { CronParts } from './contract.ts';
import type { Entry } from './timetable.ts';

/** Many apps may be due in the same second, and each may have to be thawed. */
const AT_ONCE = 16;
/** Runs of one cron at once, where it allows more than one. */
const MOST_OVERLAPPING = 10;

/** Makes the runs of crons and records them. */
export class Runner implements AsyncDisposable {
  readonly #parts: CronParts;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(parts: CronParts) {
    this.#parts = parts;
    this.#free = parts.atOnce ?? AT_ONCE;
  }

  /** Begins a run that is due, unless the one before is in its way. */
  begin(entry: Entry, at: number): void {
    if (this.#closing.signal.aborted) return;
    const { app, spec } = entry;
    if (entry.active >= (spec.overlap === 'allow' ? MOST_OVERLAPPING : 1)) {
      entry.skipped += 1;
      return;
    }
    this.#track(entry, () => this.#inLine(entry, new Date(at))).catch((err: unknown) =>
      this.#parts.log.error({ err, app, cron: spec.name }, 'a run could not be recorded'),
    );
  }

  /** Runs at once, whatever waits in line. @throws ThawError `conflict` when it runs already and must not overlap */
  async now(entry: Entry, signal: AbortSignal): Promise<CronRun> {
    if (this.#closing.signal.aborted) throw new ThawError('unavailable', 'The server is about to end.');
    if (entry.active > 0 && entry.spec.overlap === 'skip') {
      throw new ThawError('conflict', `The cron ${entry.spec.name} of ${entry.app} is running already.`, {
        hint: 'Wait for its end, or set overlap = "allow" in thaw.toml.',
      });
    }
    return this.#track(entry, () => this.#perform(entry, 'manual', this.#parts.clock(), signal));
  }

  /** Breaks off what runs, and waits until that is recorded. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const go of this.#waiting.splice(0)) go();
    await Promise.allSettled(this.#running);
  }

  #track<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    entry.active += 1;
    const running = work().finally(() => {
      entry.active -= 1;
      this.#running.delete(running);
    });
    this.#running.add(running);
    return running;
  }

  async #inLine(entry: Entry, due: Date): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      // What could not begin any more is found as missed by the next start.
      if (!this.#closing.signal.aborted) await this.#perform(entry, 'schedule', due);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  async #perform(entry: Entry, trigger: CronRun['trigger'], due: Date, caller?: AbortSignal): Promise<CronRun> {
    const { app, deployment, spec } = entry;
    const dueAt = due.toISOString();
    const { id } = await this.#parts.runs.begin({ app, cron: spec.name, deployment, trigger, dueAt });
    const headers = { 'x-thaw-cron': spec.name, 'x-thaw-cron-due': dueAt, 'x-request-id': id };
    const answered = await ask(this.#parts, { app, spec, headers, closing: this.#closing.signal, caller });
    const { skipped } = entry;
    entry.skipped = 0;
    const { outcome, status, ms } = answered;
    this.#parts.log.info({ app, cron: spec.name, run: id, trigger, outcome, status, ms, skipped }, 'a cron ran');
    return this.#parts.runs.end(id, { ...answered, skipped });
  }
}
