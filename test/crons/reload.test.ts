import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronSpec } from '../../platform/control/contract.ts';
import { askedApp, cron, scheduler } from './asked-app.ts';

const never = new AbortController().signal;

test('what is scheduled is read again: new, changed and removed crons', async () => {
  await using app = await askedApp();
  let now = new Date('2026-07-01T12:30:00.000Z');
  const clock = () => now;
  const crons: Record<string, CronSpec[]> = {
    shop: [cron('kept', '0 * * * *'), cron('changed', '0 * * * *'), cron('removed', '0 * * * *')],
    gone: [cron('a', '0 * * * *')],
  };
  await using at = await scheduler(app, crons, { clock, since: now.toISOString() });
  const next = (name: string) => at.crons.upcoming(name).map(({ cron: { name }, next }) => [name, next]);

  now = new Date('2026-07-01T12:45:00.000Z');
  crons.shop = [cron('kept', '0 * * * *', { path: '/new' }), cron('changed', '50 * * * *'), cron('added', '@daily')];
  delete crons.gone;
  await at.crons.reload();
  assert.deepEqual(next('shop'), [
    ['kept', '2026-07-01T13:00:00.000Z'],
    ['changed', '2026-07-01T12:50:00.000Z'],
    ['added', '2026-07-02T00:00:00.000Z'],
  ]);
  assert.deepEqual(next('gone'), []);
  await at.crons.run('shop', 'kept', never);
  assert.equal(app.asked[0]?.path, '/new');
});

test('a cron that is added comes due without a restart', async () => {
  await using app = await askedApp();
  const crons: Record<string, CronSpec[]> = {};
  await using at = await scheduler(app, crons);
  crons.shop = [cron('tick', '* * * * * *')];
  await at.crons.reload();
  const [run] = await at.runs.until((runs) => runs.some(({ outcome }) => outcome === 'ok'));
  assert.equal(run?.cron, 'tick');
  assert.equal(run?.trigger, 'schedule');
});

test('a run goes on when its cron is taken away', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<() => void>();
  await using app = await askedApp((_, outgoing) => arrive(() => outgoing.end()));
  const crons: Record<string, CronSpec[]> = { shop: [cron('a', '0 0 1 1 *')] };
  await using at = await scheduler(app, crons);
  const running = at.crons.run('shop', 'a', never);
  const answer = await arrived;
  delete crons.shop;
  await at.crons.reload();
  answer();
  assert.equal((await running).outcome, 'ok');
});

test('many changes at once are read once or twice, and the last one is in', async () => {
  await using app = await askedApp();
  let readings = 0;
  const crons = [cron('a', '@daily')];
  const scheduled = async () => {
    readings += 1;
    return [{ app: 'shop', deployment: 'd', since: '2020-01-01T00:00:00.000Z', crons: [...crons] }];
  };
  await using at = await scheduler(app, {}, { scheduled });
  const before = readings;
  const reloads = Array.from({ length: 50 }, (_, n) => {
    crons.push(cron(`b${n}`, '@daily'));
    return at.crons.reload();
  });
  await Promise.all(reloads);
  assert.ok(readings - before <= 2, `${readings - before} readings`);
  assert.equal(at.crons.upcoming('shop').length, 51);
});

test('a reading that fails leaves what was', async () => {
  await using app = await askedApp();
  let fails = false;
  const scheduled = async () => {
    if (fails) throw new Error('no database');
    return [{ app: 'shop', deployment: 'd', since: '2020-01-01T00:00:00.000Z', crons: [cron('a', '@daily')] }];
  };
  await using at = await scheduler(app, {}, { scheduled });
  fails = true;
  await at.crons.reload();
  assert.equal(at.crons.upcoming('shop').length, 1);
});

test('a thousand apps with crons share one timer and little memory', async () => {
  await using app = await askedApp();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const crons = Object.fromEntries(
    Array.from({ length: 1000 }, (_, n) => [
      `app${n}`,
      [cron('a', `${n % 60} ${n % 24} 1 1 *`, { timezone: n % 2 ? 'UTC' : 'Europe/Berlin' })],
    ]),
  );
  const [before, heap] = [timers(), process.memoryUsage().heapUsed];
  const began = performance.now();
  await using at = await scheduler(app, crons, { since: new Date().toISOString() });
  assert.ok(performance.now() - began < 5000);
  assert.ok(timers() - before <= 1, `${timers() - before} timers`);
  assert.equal(at.crons.upcoming('app999').length, 1);
  assert.ok(process.memoryUsage().heapUsed - heap < 50 * 1024 * 1024);
});
