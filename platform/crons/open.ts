import type { CronRun } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import { Alarm } from './alarm.ts';
import type { CronParts, Crons } from './contract.ts';
import { findMissed, type Missed, recordMissed } from './missed.ts';
import { Moments } from './moments.ts';
import { Runner } from './runner.ts';
import { type Entry, Timetable } from './timetable.ts';

/**
 * Starts asking apps at the times that they set. What was due while no server ran is recorded as missed, in the
 * background. Disposing it ends the runs that are not over.
 */
export async function openCrons(parts: CronParts): Promise<Crons> {
  const { scheduled, runs, clock, log } = parts;
  await using opened = new AsyncDisposableStack();
  const closing = new AbortController();
  const interrupted = await runs.interruptRunning();
  if (interrupted > 0) log.info({ runs: interrupted }, 'crons were running when the server ended');
  const latest = await runs.latest();

  const moments = new Moments();
  const timetable = new Timetable(moments, log);
  const runner = opened.use(new Runner(parts));
  /** What is still being recorded as missed. */
  let telling = Promise.resolve();
  // One reading at a time, and one more for all changes meanwhile.
  let reading = Promise.resolve();
  let next: Promise<void> | undefined;
  opened.defer(async () => {
    await telling;
    await reading;
  });
  const alarm = opened.use(new Alarm(clock, ring));
  opened.defer(() => closing.abort());

  function ring(): void {
    for (const { entry, at, missed } of timetable.take(clock().getTime())) {
      if (missed !== undefined) tellLater(() => tellMissed(entry, missed, 'the machine or the server stood still.'));
      if (at !== undefined) runner.begin(entry, at);
    }
    alarm.set(timetable.earliest());
  }

  function tellLater(work: () => Promise<void>): void {
    telling = telling.then(work).catch((err: unknown) => log.error({ err }, 'missed crons could not be told'));
  }

  async function tellMissed(entry: Entry, missed: Missed, why: string): Promise<void> {
    log.warn({ app: entry.app, cron: entry.spec.name, missed: missed.count }, 'runs of a cron were missed');
    await recordMissed(runs, entry, missed, why);
  }

  async function tellAllMissed(began: number): Promise<void> {
    for await (const { entry, missed } of findMissed(timetable.all(), latest, began, moments)) {
      if (closing.signal.aborted) return;
      // An app that was removed meanwhile is no reason to leave out the others.
      await tellMissed(entry, missed, 'no server was running.').catch((err: unknown) =>
        log.error({ err, app: entry.app, cron: entry.spec.name }, 'missed runs could not be recorded'),
      );
    }
  }

  async function read(): Promise<void> {
    if (closing.signal.aborted) return;
    const found = await scheduled();
    if (closing.signal.aborted) return;
    timetable.replace(found, clock().getTime());
    alarm.set(timetable.earliest());
  }

  function find(app: string, cron: string): Entry {
    const entry = timetable.find(app, cron);
    if (entry !== undefined) return entry;
    const names = timetable.of(app).map(({ spec }) => spec.name);
    throw new ThawError('not_found', `The app ${app} has no cron called ${cron}.`, {
      hint: names.length === 0 ? 'Crons are set in thaw.toml, as [[crons]].' : `It has ${names.join(', ')}.`,
    });
  }

  const began = clock().getTime();
  timetable.replace(await scheduled(), began);
  tellLater(() => tellAllMissed(began));
  alarm.set(timetable.earliest());
  const parted = opened.move();

  return {
    reload() {
      next ??= reading.then(() => {
        next = undefined;
        reading = read().catch((err: unknown) => log.error({ err }, 'the crons could not be read'));
        return reading;
      });
      return next;
    },
    upcoming: (app) =>
      timetable.of(app).map(({ spec, due, active }) => ({
        cron: spec,
        next: due === undefined ? null : new Date(due).toISOString(),
        running: active,
      })),
    run: async (app, cron, signal): Promise<CronRun> => runner.now(find(app, cron), signal),
    [Symbol.asyncDispose]: () => parted.disposeAsync(),
  };
}
