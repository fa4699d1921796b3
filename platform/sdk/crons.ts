import type { CronSpec } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

/** A run is waited for: an app may take its time. Below the five minutes after which Node's `fetch` gives up. */
const LONGEST_RUN_MS = 290_000;

/** What became of one run of a cron. */
export interface CronRun {
  /** ISO 8601, as all moments. */
  startedAt: string;
  /** Null while it runs. */
  endedAt: string | null;
  outcome: 'running' | 'ok' | 'failed' | 'skipped' | 'missed';
  /** HTTP status of the app's answer. */
  status: number | null;
  error: string | null;
}

/** A cron of what is in front of an app now. */
export interface CronStatus extends CronSpec {
  lastRun: CronRun | null;
  nextRun: string | null;
}

/** Schedules: requests to apps at set times. */
export class Crons {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those of what is in front of the app now. */
  async list(app: string, options: CallOptions = {}): Promise<CronStatus[]> {
    const answer = await this.#transport.json<{ crons: CronStatus[] }>({
      ...options,
      path: ['v1', 'apps', app, 'crons'],
    });
    return answer.crons;
  }

  /** Runs one now, and waits for its end. A run that fails is a result and no error. */
  async run(app: string, name: string, options: CallOptions = {}): Promise<CronRun> {
    const answer = await this.#transport.json<{ run: CronRun }>({
      ...options,
      method: 'POST',
      path: ['v1', 'apps', app, 'crons', name, 'run'],
      timeoutMs: LONGEST_RUN_MS,
    });
    return answer.run;
  }
}
