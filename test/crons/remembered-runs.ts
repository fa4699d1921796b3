import type { CronRun, CronRuns } from '../../platform/control/contract.ts';

/** Runs of crons, kept in memory; a later scheduler may go on with them. */
export class RememberedRuns implements CronRuns {
  readonly all: CronRun[] = [];
  readonly #clock: () => Date;
  readonly #listeners = new Set<() => void>();

  constructor(clock: () => Date) {
    this.#clock = clock;
  }

  /** Waits until the runs fulfil something. */
  async until(holds: (runs: CronRun[]) => boolean): Promise<CronRun[]> {
    while (!holds(this.all)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#listeners.add(resolve);
      await promise;
      this.#listeners.delete(resolve);
    }
    return this.all;
  }

  async begin(run: Pick<CronRun, 'app' | 'cron' | 'deployment' | 'trigger' | 'dueAt'>): Promise<CronRun> {
    return this.#add({ ...run, outcome: 'running', endedAt: null, error: null, missed: 0 });
  }

  async end(id: string, how: Parameters<CronRuns['end']>[1]): Promise<CronRun> {
    const run = this.all.find((known) => known.id === id);
    if (run === undefined) throw new Error(`there is no run ${id}`);
    Object.assign(run, how, { endedAt: this.#clock().toISOString() });
    this.#tell();
    return run;
  }

  async missed(run: Parameters<CronRuns['missed']>[0]): Promise<CronRun> {
    return this.#add({ ...run, trigger: 'schedule', outcome: 'missed', endedAt: this.#clock().toISOString() });
  }

  async latest(): Promise<CronRun[]> {
    return [...new Map(this.all.map((run) => [`${run.app} ${run.cron}`, run])).values()];
  }

  async list(app: string, { cron, limit }: { cron?: string; limit: number }): Promise<CronRun[]> {
    const found = this.all.filter((run) => run.app === app && (cron === undefined || run.cron === cron));
    return found.reverse().slice(0, limit);
  }

  async interruptRunning(): Promise<number> {
    const running = this.all.filter(({ outcome }) => outcome === 'running');
    for (const run of running) run.outcome = 'interrupted';
    return running.length;
  }

  #add(run: Omit<CronRun, 'id' | 'startedAt' | 'status' | 'ms' | 'skipped'>): CronRun {
    const id = `c${this.all.length}`;
    const added = { ...run, id, startedAt: this.#clock().toISOString(), status: null, ms: null, skipped: 0 };
    this.all.push(added);
    this.#tell();
    return added;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
