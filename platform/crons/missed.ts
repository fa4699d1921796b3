import { setImmediate } from 'node:timers/promises';
import type { CronRun, CronRuns } from '../control/contract.ts';
import type { Moments } from './moments.ts';
import type { Entry } from './timetable.ts';

const MOST_COUNTED = 1000;
/** Time for counting, over all crons: with many apps and a long time away only the first is looked for. */
const COUNTING_MS = 1000;
/** Crons that are looked at before others get a turn. */
const AT_A_TIME = 50;

/** Runs of a cron that did not happen. */
export interface Missed {
  first: number;
  count: number;
  more: boolean;
}

/**
 * Finds what was due while no server ran: after the newest record of a cron, or after it was put in front.
 *
 * @param latest the newest record of each cron, read before anything ran
 */
export async function* findMissed(
  entries: readonly Entry[],
  latest: readonly CronRun[],
  now: number,
  moments: Moments,
): AsyncIterable<{ entry: Entry; missed: Missed }> {
  const accounted = new Map(latest.map((run) => [keyOf(run.app, run.cron), Date.parse(run.endedAt ?? run.startedAt)]));
  let budget = COUNTING_MS;
  for (const [at, entry] of entries.entries()) {
    if (at % AT_A_TIME === AT_A_TIME - 1) await setImmediate();
    // An entry without a next moment may be one that croner cannot read.
    if (entry.due === undefined) continue;
    const from = Math.max(entry.since, accounted.get(keyOf(entry.app, entry.spec.name)) ?? 0);
    const began = performance.now();
    const mayGoOn = (count: number) => count < MOST_COUNTED && performance.now() - began < budget;
    const missed = moments.passed(entry.spec, from, now, mayGoOn);
    if (missed === undefined) continue;
    budget -= performance.now() - began;
    yield { entry, missed };
  }
}

/** Keeps a record of missed runs. */
export async function recordMissed(runs: CronRuns, entry: Entry, missed: Missed, why: string): Promise<CronRun> {
  const { first, count, more } = missed;
  const times = `${more ? 'At least ' : ''}${count} ${count === 1 ? 'run was' : 'runs were'}`;
  return runs.missed({
    app: entry.app,
    cron: entry.spec.name,
    deployment: entry.deployment,
    dueAt: new Date(first).toISOString(),
    missed: count,
    error: `${times} missed: ${why}`,
  });
}

function keyOf(app: string, cron: string): string {
  return `${app} ${cron}`;
}
