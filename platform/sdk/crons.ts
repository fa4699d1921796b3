import type { CronRun, CronSpec } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

/** A run is waited for: an app may take its time. Below the five minutes after which Node's `fetch` gives up. */
const LONGEST_RUN_MS = 290_000;

export type { CronRun } from '../control/contract.ts';

/** A cron of what is in front of an app now. */
export interface CronStatus extends CronSpec {
  /** ISO 8601; null when it never comes. */
  nextRun: string | null;
  /** Runs that are not over. */
  running: number;
  lastRun: CronRun | null;
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
