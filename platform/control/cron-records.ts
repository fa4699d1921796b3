/** A request to an app at set times. */
export interface CronSpec {
  /** Unique within the app. */
  name: string;
  /** Five or six fields, or a nickname such as `@daily`; croner's syntax. */
  schedule: string;
  /** IANA name; default `UTC`. */
  timezone: string;
  /** Path and query that are asked for. */
  path: string;
  method: 'GET' | 'POST';
  /** What happens when the one before still runs. */
  overlap: 'skip' | 'allow';
}

/** `interrupted`: the server ended meanwhile. `missed`: it never began, because no server ran. */
export type CronOutcome = 'running' | 'ok' | 'failed' | 'interrupted' | 'missed';

/** One run of a cron, or several that were missed in a row. */
export interface CronRun {
  /** `c` and 15 lower-case letters or digits; also the id of its request, in logs. */
  id: string;
  app: string;
  cron: string;
  deployment: string;
  trigger: 'schedule' | 'manual';
  outcome: CronOutcome;
  /** When it was to begin; of missed ones the first. */
  dueAt: string;
  /** When it began; of missed ones when that was noticed. */
  startedAt: string;
  endedAt: string | null;
  /** HTTP status of the answer. */
  status: number | null;
  ms: number | null;
  /** Why it is not `ok`, as told to the app's author. */
  error: string | null;
  /** Runs that were due meanwhile and did not begin, because this one was not over. */
  skipped: number;
  /** How many were missed; counting ends at some thousand. */
  missed: number;
}

/** What is kept of the runs of crons: the newest ones of each. */
export interface CronRuns {
  /** @throws ThawError `not_found` when there is no such app */
  begin(run: Pick<CronRun, 'app' | 'cron' | 'deployment' | 'trigger' | 'dueAt'>): Promise<CronRun>;
  end(
    id: string,
    how: Pick<CronRun, 'status' | 'ms' | 'error' | 'skipped'> & { outcome: 'ok' | 'failed' | 'interrupted' },
  ): Promise<CronRun>;
  missed(run: Pick<CronRun, 'app' | 'cron' | 'deployment' | 'dueAt' | 'missed' | 'error'>): Promise<CronRun>;
  /** The newest one of each cron of each app. */
  latest(): Promise<CronRun[]>;
  /** Newest first. */
  list(app: string, options: { cron?: string; limit: number }): Promise<CronRun[]>;
  /** Marks what was still running when the server ended. */
  interruptRunning(): Promise<number>;
}
