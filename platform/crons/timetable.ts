import type { CronSpec } from '../control/contract.ts';
import type { Log } from '../log.ts';
import type { Scheduled } from './contract.ts';
import type { Moments } from './moments.ts';

/** One cron of one app, for as long as it is scheduled. */
export interface Entry {
  readonly app: string;
  deployment: string;
  spec: CronSpec;
  /** When it was put in front, in milliseconds since 1970. */
  since: number;
  /** When it comes next, likewise; undefined = never. */
  due: number | undefined;
  /** Runs that are not over. */
  active: number;
  /** Runs left out since one last ended. */
  skipped: number;
}

/** What came due of an entry. */
export interface Due {
  entry: Entry;
  /** The moment to run for; undefined when it is too late for it. */
  at: number | undefined;
  /** Moments that passed before, while this machine or process stood still. */
  missed: { first: number; count: number; more: boolean } | undefined;
}

/** A run that is later than this does not happen. */
const LATE_MS = 60_000;
const MOST_COUNTED = 1000;

/** All crons, and when each comes next. */
export class Timetable {
  readonly #moments: Moments;
  readonly #log: Log;
  #apps = new Map<string, Map<string, Entry>>();

  constructor(moments: Moments, log: Log) {
    this.#moments = moments;
    this.#log = log;
  }

  /** Takes over what is scheduled from now on. A cron that has the schedule that it had keeps its next moment. */
  replace(scheduled: readonly Scheduled[], now: number): void {
    const apps = new Map<string, Map<string, Entry>>();
    for (const { app, deployment, since, crons } of scheduled) {
      if (crons.length === 0) continue;
      const entries = new Map<string, Entry>();
      for (const spec of crons) {
        const known = this.find(app, spec.name);
        const entry = known ?? { app, deployment, spec, since: 0, due: undefined, active: 0, skipped: 0 };
        const isSame = known?.spec.schedule === spec.schedule && known.spec.timezone === spec.timezone;
        Object.assign(entry, { deployment, spec, since: Date.parse(since) });
        if (!isSame) entry.due = this.#next(entry, now);
        entries.set(spec.name, entry);
      }
      apps.set(app, entries);
    }
    this.#apps = apps;
  }

  find(app: string, cron: string): Entry | undefined {
    return this.#apps.get(app)?.get(cron);
  }

  of(app: string): Entry[] {
    return [...(this.#apps.get(app)?.values() ?? [])];
  }

  all(): Entry[] {
    return [...this.#apps.values()].flatMap((entries) => [...entries.values()]);
  }

  earliest(): number | undefined {
    const moments = this.all().flatMap(({ due }) => due ?? []);
    return moments.length === 0 ? undefined : moments.reduce((a, b) => Math.min(a, b));
  }

  /** What has come due by now; each entry goes on to its next moment. */
  take(now: number): Due[] {
    return this.all().flatMap((entry) => {
      const { due, spec } = entry;
      if (due === undefined || due > now) return [];
      entry.due = this.#next(entry, now);
      const passed = this.#moments.passed(spec, due - 1, now, (count) => count < MOST_COUNTED);
      if (passed === undefined) return [];
      const { first, last, count, more } = passed;
      const isLate = more || now - last > LATE_MS;
      const missed = isLate ? count : count - 1;
      return {
        entry,
        at: isLate ? undefined : last,
        missed: missed === 0 ? undefined : { first, count: missed, more },
      };
    });
  }

  #next({ app, spec }: Entry, after: number): number | undefined {
    try {
      return this.#moments.next(spec, after);
    } catch (err) {
      // Checked when it was pushed; another version of croner may still see it otherwise.
      this.#log.warn({ err, app, cron: spec.name, schedule: spec.schedule }, 'a schedule cannot be read');
      return undefined;
    }
  }
}
