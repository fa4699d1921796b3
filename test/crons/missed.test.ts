import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AskedApp, askedApp, cron, LONG_AGO, scheduler } from './asked-app.ts';
import { RememberedRuns } from './remembered-runs.ts';

const never = new AbortController().signal;

/** A server that comes and goes, on a clock that the test sets. */
function serverAt(app: AskedApp, start: string) {
  let now = new Date(start);
  const clock = () => now;
  const runs = new RememberedRuns(clock);
  return {
    runs,
    set: (time: string) => {
      now = new Date(time);
    },
    start: (schedule: string, since = LONG_AGO) =>
      scheduler(app, { shop: [cron('a', schedule)] }, { clock, runs, since }),
  };
}

const missedOf = (runs: RememberedRuns) => runs.all.filter(({ outcome }) => outcome === 'missed');

test('what was due while no server ran is recorded with its count, and does not run', async () => {
  await using app = await askedApp();
  const server = serverAt(app, '2026-07-01T12:30:00.000Z');
  {
    await using up = await server.start('0 * * * *', '2026-07-01T12:00:00.000Z');
    await up.crons.run('shop', 'a', never);
  }
  server.set('2026-07-01T18:15:00.000Z');
  await using up = await server.start('0 * * * *', '2026-07-01T12:00:00.000Z');
  await server.runs.until(() => missedOf(server.runs).length > 0);
  const [missed] = missedOf(server.runs);
  assert.deepEqual(
    { ...missed, id: undefined },
    {
      id: undefined,
      app: 'shop',
      cron: 'a',
      deployment: 'd-shop',
      trigger: 'schedule',
      outcome: 'missed',
      dueAt: '2026-07-01T13:00:00.000Z',
      startedAt: '2026-07-01T18:15:00.000Z',
      endedAt: '2026-07-01T18:15:00.000Z',
      status: null,
      ms: null,
      error: '6 runs were missed: no server was running.',
      skipped: 0,
      missed: 6,
    },
  );
  assert.equal(app.asked.length, 1);
  assert.equal(up.crons.upcoming('shop')[0]?.next, '2026-07-01T19:00:00.000Z');
});

test('it is recorded once: the next start counts from there', async () => {
  await using app = await askedApp();
  const server = serverAt(app, '2026-07-01T12:30:00.000Z');
  {
    await using _up = await server.start('0 * * * *', '2026-07-01T11:30:00.000Z');
    await server.runs.until(() => missedOf(server.runs).length === 1);
  }
  {
    await using _up = await server.start('0 * * * *', '2026-07-01T11:30:00.000Z');
  }
  assert.equal(missedOf(server.runs).length, 1);
  server.set('2026-07-01T13:30:00.000Z');
  await using _up = await server.start('0 * * * *', '2026-07-01T11:30:00.000Z');
  await server.runs.until(() => missedOf(server.runs).length === 2);
  assert.deepEqual(
    missedOf(server.runs).map(({ missed, error }) => [missed, error]),
    [
      [1, '1 run was missed: no server was running.'],
      [1, '1 run was missed: no server was running.'],
    ],
  );
});

test('a cron that never ran has missed what was due since it was put in front, and nothing before', async () => {
  await using app = await askedApp();
  const server = serverAt(app, '2026-07-01T12:30:00.000Z');
  {
    await using _up = await server.start('0 * * * *', '2026-07-01T12:10:00.000Z');
  }
  assert.deepEqual(server.runs.all, []);
  server.set('2026-07-01T14:30:00.000Z');
  await using _up = await server.start('0 * * * *', '2026-07-01T12:10:00.000Z');
  await server.runs.until(() => missedOf(server.runs).length === 1);
  assert.equal(missedOf(server.runs)[0]?.missed, 2);
});

test('a schedule that was just released has missed nothing of the time before', async () => {
  await using app = await askedApp();
  const server = serverAt(app, '2026-01-01T00:30:00.000Z');
  {
    await using up = await server.start('@yearly', '2026-01-01T00:10:00.000Z');
    await up.crons.run('shop', 'a', never);
  }
  server.set('2026-07-01T12:30:00.000Z');
  {
    await using _up = await server.start('0 * * * *', '2026-07-01T12:20:00.000Z');
  }
  assert.equal(missedOf(server.runs).length, 0);
});

test('a run that the server died in is marked, and what was due after it is missed', async () => {
  await using app = await askedApp();
  const server = serverAt(app, '2026-07-01T12:00:00.000Z');
  await server.runs.begin({
    app: 'shop',
    cron: 'a',
    deployment: 'd-shop',
    trigger: 'schedule',
    dueAt: '2026-07-01T12:00:00.000Z',
  });
  server.set('2026-07-01T12:03:30.000Z');
  await using _up = await server.start('* * * * *');
  await server.runs.until(() => missedOf(server.runs).length === 1);
  assert.equal(server.runs.all[0]?.outcome, 'interrupted');
  assert.equal(missedOf(server.runs)[0]?.missed, 3);
});

test('a long time away is counted up to a bound', async () => {
  await using app = await askedApp();
  const server = serverAt(app, '2026-07-01T12:00:00.500Z');
  await using _up = await server.start('* * * * * *', '2020-01-01T00:00:00.000Z');
  await server.runs.until(() => missedOf(server.runs).length === 1);
  const [run] = missedOf(server.runs);
  assert.ok((run?.missed ?? 0) > 0 && (run?.missed ?? 0) <= 1000);
  assert.match(run?.error ?? '', /^At least \d+ runs were missed: no server was running\.$/);
});

test('after the machine stood still, what is long past is missed and does not run', async () => {
  await using app = await askedApp();
  let ahead = 0;
  const clock = () => new Date(Date.now() + ahead);
  const since = new Date().toISOString();
  await using at = await scheduler(
    app,
    { shop: [cron('often', '* * * * * *'), cron('other', '0 0 1 1 *')] },
    { clock, since },
  );
  await at.runs.until((runs) => runs.some(({ outcome }) => outcome === 'ok'));
  ahead = 5 * 60_000;
  const runs = await at.runs.until(() => missedOf(at.runs).length > 0);
  const missed = runs.find(({ outcome }) => outcome === 'missed');
  assert.ok((missed?.missed ?? 0) >= 299, `${missed?.missed} were missed`);
  assert.match(missed?.error ?? '', /^\d+ runs were missed: the machine or the server stood still\.$/);
  // It goes on from the new time.
  await at.runs.until((all) =>
    all.some((run) => run.outcome === 'ok' && Date.parse(run.dueAt) > Date.now() + 4 * 60_000),
  );
});
