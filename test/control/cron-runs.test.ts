import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronRuns } from '../../platform/control/contract.ts';
import { openCrons } from '../../platform/crons/open.ts';
import { silentLog } from '../../platform/log.ts';
import { onBothDatabases } from '../fixtures/control.ts';

onBothDatabases('runs of crons', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const due = '2026-01-02T03:04:00.000Z';
  const begin = (name: string, cron = 'tick') =>
    at.control.cronRuns.begin({ app: name, cron, deployment: 'd1', trigger: 'schedule', dueAt: due });
  const ok = { outcome: 'ok', status: 200, ms: 12, error: null, skipped: 0 } as const;

  test('a run is recorded as it begins and as it ends', async () => {
    const name = await app();
    const run = await begin(name);
    assert.match(run.id, /^c[a-z0-9]{15}$/);
    assert.deepEqual(run, {
      id: run.id,
      app: name,
      cron: 'tick',
      deployment: 'd1',
      trigger: 'schedule',
      outcome: 'running',
      dueAt: due,
      startedAt: at.now.toISOString(),
      endedAt: null,
      status: null,
      ms: null,
      error: null,
      skipped: 0,
      missed: 0,
    });
    assert.deepEqual(await at.control.cronRuns.list(name, { limit: 5 }), [run]);
    const ended = await at.control.cronRuns.end(run.id, { ...ok, skipped: 3 });
    assert.deepEqual(ended, { ...run, ...ok, skipped: 3, endedAt: at.now.toISOString() });
    assert.deepEqual(await at.control.cronRuns.list(name, { cron: 'tick', limit: 5 }), [ended]);
    assert.deepEqual(await at.control.cronRuns.list(name, { cron: 'other', limit: 5 }), []);
  });

  test('missed ones are one record', async () => {
    const name = await app();
    const missed = { app: name, cron: 'tick', deployment: 'd1', dueAt: due, missed: 7, error: 'no server' };
    const run = await at.control.cronRuns.missed(missed);
    const now = at.now.toISOString();
    assert.deepEqual(run, { ...run, ...missed, outcome: 'missed', trigger: 'schedule', startedAt: now, endedAt: now });
  });

  test('the newest of each cron of each app', async () => {
    const [one, two] = [await app(), await app()];
    await begin(one, 'a');
    const newest = [await begin(one, 'a'), await begin(one, 'b'), await begin(two, 'a')];
    const latest = (await at.control.cronRuns.latest()).filter((run) => [one, two].includes(run.app));
    const byId = (runs: { id: string }[]) => runs.map(({ id }) => id).sort();
    assert.deepEqual(byId(latest), byId(newest));
  });

  test('a hundred are kept of each cron, and what still runs', async () => {
    const name = await app();
    const running = await begin(name, 'often');
    const rare = await begin(name, 'rare');
    for (let count = 0; count < 130; count += 1) {
      await at.control.cronRuns.end((await begin(name, 'often')).id, ok);
    }
    const kept = await at.control.cronRuns.list(name, { cron: 'often', limit: 1000 });
    assert.equal(kept.length, 101);
    assert.equal(kept.at(-1)?.id, running.id);
    assert.equal((await at.control.cronRuns.list(name, { limit: 10 })).length, 10);
    assert.deepEqual(await at.control.cronRuns.list(name, { cron: 'rare', limit: 10 }), [rare]);
  });

  test('runs that the server ended in are marked, with an open end', async () => {
    const name = await app();
    const done = await at.control.cronRuns.end((await begin(name)).id, ok);
    const cut = await begin(name);
    await at.reopen();
    assert.ok((await at.control.cronRuns.interruptRunning()) >= 1);
    const [after, before] = await at.control.cronRuns.list(name, { limit: 2 });
    assert.deepEqual(after, { ...cut, outcome: 'interrupted', error: 'The server ended during this run.' });
    assert.deepEqual(before, done);
    assert.equal(await at.control.cronRuns.interruptRunning(), 0);
  });

  test('they go with their app', async () => {
    const name = await app();
    const { id } = await begin(name);
    await at.control.apps.remove(name, null);
    await assert.rejects(at.control.cronRuns.end(id, ok), { code: 'not_found' });
    await assert.rejects(begin(name), { code: 'not_found' });
    assert.ok(!(await at.control.cronRuns.latest()).some((run) => run.app === name));
  });

  test('a scheduler goes on with them after a restart of the server', async () => {
    const name = await app();
    let told = Promise.withResolvers<void>();
    const missed: CronRuns['missed'] = async (run) => {
      const recorded = await at.control.cronRuns.missed(run);
      told.resolve();
      return recorded;
    };
    const open = () =>
      openCrons({
        scheduled: async () => [
          {
            app: name,
            deployment: 'd1',
            since: '2026-01-02T00:30:00.000Z',
            crons: [
              { name: 'hourly', schedule: '@hourly', timezone: 'UTC', path: '/', method: 'GET', overlap: 'skip' },
            ],
          },
        ],
        request: async () => ({ status: 200, ms: 1 }),
        runs: { ...at.control.cronRuns, missed },
        clock: () => at.now,
        log: silentLog(),
      });
    const began = at.now;
    at.now = new Date('2026-01-02T01:15:00.000Z');
    {
      await using crons = await open();
      await told.promise;
      await crons.run(name, 'hourly', new AbortController().signal);
    }
    await at.reopen();
    at.now = new Date('2026-01-02T04:15:00.000Z');
    told = Promise.withResolvers();
    {
      await using _crons = await open();
      await told.promise;
    }
    const runs = await at.control.cronRuns.list(name, { limit: 5 });
    assert.deepEqual(
      runs.map(({ outcome, trigger, missed, dueAt }) => [outcome, trigger, missed, dueAt.slice(11, 16)]),
      [
        ['missed', 'schedule', 3, '02:00'],
        ['ok', 'manual', 0, '01:15'],
        ['missed', 'schedule', 1, '01:00'],
      ],
    );
    at.now = began;
  });
});
