import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { CronRun } from '../../platform/control/contract.ts';
import { ThawError } from '../../platform/errors.ts';
import { askedApp, cron, scheduler } from './asked-app.ts';
import { RememberedRuns } from './remembered-runs.ts';

const EACH_SECOND = '* * * * * *';
/** A schedule that does not come due while a test runs. */
const RARELY = '0 0 1 1 *';
const ended = (count: number) => (runs: CronRun[]) => runs.filter(({ outcome }) => outcome === 'ok').length >= count;
const never = new AbortController().signal;

test('asks the app at its time and records the answer', async () => {
  await using app = await askedApp();
  const spec = cron('tick', EACH_SECOND, { path: '/cron?a=1', method: 'POST' });
  await using at = await scheduler(app, { shop: [spec] });
  const [first, second] = await at.runs.until(ended(2));
  assert.ok(first && second);
  const { app: host, path, method, headers } = app.asked[0] ?? assert.fail('it was not asked');
  assert.deepEqual({ host, path, method }, { host: 'shop', path: '/cron?a=1', method: 'POST' });
  assert.equal(headers['x-thaw-cron'], 'tick');
  assert.equal(headers['x-thaw-cron-due'], first.dueAt);
  assert.equal(headers['x-request-id'], first.id);
  const { outcome, status, error, trigger, deployment, missed, skipped } = first;
  assert.deepEqual(
    { outcome, status, error, trigger, deployment, missed, skipped },
    { outcome: 'ok', status: 200, error: null, trigger: 'schedule', deployment: 'd-shop', missed: 0, skipped: 0 },
  );
  assert.ok((first.ms ?? -1) >= 0);
  assert.equal(new Date(first.dueAt).getMilliseconds(), 0);
  assert.ok(second.dueAt > first.dueAt);
  assert.ok(Date.parse(first.startedAt) >= Date.parse(first.dueAt), 'it began too early');
});

test('tells when each comes next, in its own time zone', async () => {
  await using app = await askedApp();
  const clock = () => new Date('2026-07-01T12:30:00.000Z');
  const specs = [
    cron('berlin', '0 6 * * *', { timezone: 'Europe/Berlin' }),
    cron('utc', '0 6 * * *'),
    cron('nickname', '@hourly'),
    cron('never', '0 0 31 2 *'),
  ];
  await using at = await scheduler(app, { shop: specs }, { clock, since: clock().toISOString() });
  assert.deepEqual(
    at.crons.upcoming('shop').map(({ cron: { name }, next, running }) => [name, next, running]),
    [
      ['berlin', '2026-07-02T04:00:00.000Z', 0],
      ['utc', '2026-07-02T06:00:00.000Z', 0],
      ['nickname', '2026-07-01T13:00:00.000Z', 0],
      ['never', null, 0],
    ],
  );
  assert.deepEqual(at.crons.upcoming('other'), []);
});

test('a schedule that cannot be read any more does not hold up the others', async () => {
  await using app = await askedApp();
  await using at = await scheduler(app, { shop: [cron('broken', 'whenever'), cron('tick', EACH_SECOND)] });
  const [run] = await at.runs.until(ended(1));
  assert.equal(run?.cron, 'tick');
});

test('an answer of 400 or more has failed', async () => {
  await using app = await askedApp((_, outgoing) => outgoing.writeHead(500).end());
  await using at = await scheduler(app, { shop: [cron('a', RARELY, { path: '/x' })] });
  const { outcome, status, error } = await at.crons.run('shop', 'a', never);
  assert.deepEqual(
    { outcome, status, error },
    { outcome: 'failed', status: 500, error: 'The answer to GET /x had the status 500.' },
  );
});

test('no answer has failed; only words that are meant for the author are told', async () => {
  await using app = await askedApp((_, outgoing) => outgoing.destroy());
  await using at = await scheduler(app, { shop: [cron('a', RARELY)] });
  assert.equal((await at.crons.run('shop', 'a', never)).error, 'There was no answer to GET /.');

  const request = () => Promise.reject(new ThawError('not_found', 'There is no such app.'));
  await using other = await scheduler(app, { shop: [cron('a', RARELY)] }, { request });
  assert.equal((await other.crons.run('shop', 'a', never)).error, 'There is no such app.');
});

test('a run that takes too long is broken off', async () => {
  await using app = await askedApp(() => {});
  await using at = await scheduler(app, { shop: [cron('a', RARELY)] }, { limitMs: 100 });
  const { outcome, error } = await at.crons.run('shop', 'a', never);
  assert.deepEqual({ outcome, error }, { outcome: 'failed', error: 'It took longer than 0.1 s.' });
});

test('skips what is due while the run before is not over, and counts it', async () => {
  const { promise: held, resolve: hold } = Promise.withResolvers<ServerResponse>();
  await using app = await askedApp((_, outgoing) => (app.asked.length === 1 ? hold(outgoing) : outgoing.end()));
  await using at = await scheduler(app, { shop: [cron('slow', EACH_SECOND), cron('other', EACH_SECOND)] });
  const first = await held;
  const slow = app.asked[0]?.headers['x-thaw-cron'];
  // The other cron goes on: it tells the time.
  await at.runs.until((runs) => runs.filter((run) => run.cron !== slow && run.outcome === 'ok').length >= 3);
  assert.equal(at.runs.all.filter((run) => run.cron === slow).length, 1);
  first.end();
  const runs = await at.runs.until((all) => all.some((run) => run.cron === slow && run.outcome === 'ok'));
  const run = runs.find((one) => one.cron === slow);
  assert.ok((run?.skipped ?? 0) >= 2, `${run?.skipped} were skipped`);
  await at.runs.until((all) => all.filter((one) => one.cron === slow && one.outcome === 'ok').length >= 2);
});

test('lets runs overlap where the author allows it', async () => {
  await using app = await askedApp(() => {});
  await using at = await scheduler(app, { shop: [cron('a', EACH_SECOND, { overlap: 'allow' })] });
  await at.runs.until((runs) => runs.length >= 2);
  assert.equal(at.crons.upcoming('shop')[0]?.running, 2);
});

test('makes a bounded number of scheduled runs at once, and all of them', async () => {
  let most = 0;
  let now = 0;
  await using app = await askedApp((_, outgoing) => {
    most = Math.max(most, ++now);
    setTimeout(() => {
      now -= 1;
      outgoing.end();
    }, 20);
  });
  const crons = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`app${n}`, [cron('a', '*/2 * * * * *')]]));
  await using at = await scheduler(app, crons, { atOnce: 3 });
  const runs = await at.runs.until(ended(12));
  assert.equal(most, 3);
  assert.equal(new Set(runs.slice(0, 12).map((run) => run.app)).size, 12);
});

test('runs by hand, whatever the schedule', async () => {
  await using app = await askedApp();
  await using at = await scheduler(app, { shop: [cron('report', RARELY, { path: '/report' })] });
  const run = await at.crons.run('shop', 'report', never);
  assert.deepEqual([run.trigger, run.outcome, run.status, app.asked[0]?.path], ['manual', 'ok', 200, '/report']);
  await assert.rejects(at.crons.run('shop', 'repot', never), {
    code: 'not_found',
    message: 'The app shop has no cron called repot.',
    hint: 'It has report.',
  });
  await assert.rejects(at.crons.run('nobody', 'report', never), { code: 'not_found', hint: /thaw\.toml/ });
});

test('a run by hand does not overlap either, and can be cancelled', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  await using app = await askedApp(() => arrive());
  await using at = await scheduler(app, { shop: [cron('a', RARELY)] });
  const caller = new AbortController();
  const running = at.crons.run('shop', 'a', caller.signal);
  await arrived;
  await assert.rejects(at.crons.run('shop', 'a', never), { code: 'conflict' });
  caller.abort();
  assert.equal((await running).error, 'It was cancelled.');
  assert.equal(at.crons.upcoming('shop')[0]?.running, 0);
});

test('disposing it breaks off what runs, and records that', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  await using app = await askedApp(() => arrive());
  const at = await scheduler(app, { shop: [cron('a', EACH_SECOND), cron('b', RARELY)] });
  await arrived;
  await at[Symbol.asyncDispose]();
  const [run] = at.runs.all;
  assert.deepEqual([run?.outcome, run?.error], ['interrupted', 'The server was stopped during this run.']);
  assert.notEqual(run?.endedAt, null);
  await assert.rejects(at.crons.run('shop', 'b', never), { code: 'unavailable' });
});

test('a request that does not heed its signal does not hold up the end', async () => {
  await using app = await askedApp();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const request = () => {
    arrive();
    return new Promise<never>(() => {});
  };
  const at = await scheduler(app, { shop: [cron('a', EACH_SECOND)] }, { request });
  await arrived;
  await at[Symbol.asyncDispose]();
  assert.equal(at.runs.all[0]?.outcome, 'interrupted');
});

test('a store that fails once does not end the schedule', async () => {
  await using app = await askedApp();
  let failures = 1;
  class FailingOnce extends RememberedRuns {
    override async begin(run: Parameters<RememberedRuns['begin']>[0]) {
      if (failures-- > 0) throw new Error('no database');
      return super.begin(run);
    }
  }
  await using at = await scheduler(
    app,
    { shop: [cron('a', EACH_SECOND)] },
    { runs: new FailingOnce(() => new Date()) },
  );
  await at.runs.until(ended(1));
  assert.ok(failures < 0);
});
