import type { CronRun, CronRuns, CronSpec } from '../control/contract.ts';
import type { Log } from '../log.ts';

/** The crons of one app: those of the deployment in front of it. */
export interface Scheduled {
  app: string;
  deployment: string;
  /** ISO 8601: when it was put in front; nothing was due from it before. */
  since: string;
  crons: CronSpec[];
}

export interface CronParts {
  /** All that is scheduled now. */
  scheduled(): Promise<Scheduled[]>;
  /**
   * Makes a request to an app through the edge and reads the answer to its end.
   *
   * @throws when there is no answer
   */
  request(
    app: string,
    path: string,
    method: CronSpec['method'],
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<{ status: number; ms: number }>;
  runs: CronRuns;
  clock: () => Date;
  log: Log;
  /** Scheduled runs that are made at once; the rest wait in line. */
  atOnce?: number;
  /** Longest that a run may take. */
  limitMs?: number;
}

/** A cron and when it comes next. */
export interface Upcoming {
  cron: CronSpec;
  /** ISO 8601; null when it never comes. */
  next: string | null;
  /** Runs that are not over. */
  running: number;
}

/** Asks apps at the times that their authors set. */
export interface Crons extends AsyncDisposable {
  /** Reads what is scheduled, after it changed. */
  reload(): Promise<void>;
  upcoming(app: string): Upcoming[];
  /**
   * Runs a cron now, and waits for its end.
   *
   * @throws ThawError `not_found`; `conflict` when it runs already and must not overlap
   */
  run(app: string, cron: string, signal: AbortSignal): Promise<CronRun>;
}
