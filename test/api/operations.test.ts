import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { CachedInstall, CronSpec } from '../../platform/control/contract.ts';
import { ThawError } from '../../platform/errors.ts';
import { type ApiFixture, startApi } from '../fixtures/api.ts';

describe('running apps', () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
    await api.control.projects.create('theirs');
  });
  after(() => api[Symbol.asyncDispose]());

  const refused = async (method: string, path: string, json: unknown, status: number, code: string) => {
    const answer = await api.call(method, path, { json });
    assert.deepEqual([answer.status, answer.json.error.code], [status, code], JSON.stringify(answer.json));
    return answer.json.error as { message: string; hint?: string };
  };

  test('rollback: to the release before, or a named one; clear errors', async () => {
    const first = await api.deployed('rolls');
    const nothing = await refused('POST', '/v1/apps/rolls/rollback', {}, 404, 'not_found');
    assert.match(nothing.message, /no earlier deployment on main/);
    const { deployment: second } = await api.released('rolls');
    const back = await api.call('POST', '/v1/apps/rolls/rollback', { json: {} });
    assert.equal(back.status, 201);
    assert.deepEqual([back.json.deployment, back.json.number, back.json.reason], [first, 3, 'rollback']);
    const named = await api.call('POST', '/v1/apps/rolls/rollback', { json: { release: 2 } });
    assert.equal(named.json.deployment, second.id);
    await refused('POST', '/v1/apps/rolls/rollback', { release: 2 }, 409, 'conflict');
    await refused('POST', '/v1/apps/rolls/rollback', { release: 99 }, 404, 'not_found');
    for (const json of [
      { release: 0 },
      { release: 1.5 },
      { release: '1' },
      { release: 1e10 },
      { branch: 'a..b' },
      { to: 1 },
    ]) {
      await refused('POST', '/v1/apps/rolls/rollback', json, 400, 'invalid_input');
    }
  });

  test('promote: a branch or a deployment; clear errors', async () => {
    await api.deployed('promotes');
    const { deployment } = await api.released('promotes', 'topic');
    const byBranch = await api.call('POST', '/v1/apps/promotes/promote', { json: { branch: 'topic' } });
    assert.equal(byBranch.status, 201);
    const { branch, deployment: front, reason } = byBranch.json;
    assert.deepEqual([branch, front, reason], ['main', deployment.id, 'promote']);
    const byId = await api.call('POST', '/v1/apps/promotes/promote', { json: { deployment: deployment.id } });
    assert.equal(byId.json.number, 3);
    const building = await api.control.deployments.begin({ app: 'promotes', branch: 'x', commit: null });
    await refused('POST', '/v1/apps/promotes/promote', { deployment: building.id }, 409, 'conflict');
    await refused('POST', '/v1/apps/promotes/promote', { branch: 'never' }, 404, 'not_found');
    await refused('POST', '/v1/apps/promotes/promote', { branch: 'main' }, 400, 'invalid_input');
    for (const json of [{}, { deployment: 'x' }, { branch: 'topic', deployment: deployment.id }]) {
      await refused('POST', '/v1/apps/promotes/promote', json, 400, 'invalid_input');
    }
  });

  test('domains are added, listed and removed; wrong ones are named', async () => {
    await api.deployed('hosts');
    const added = await api.call('POST', '/v1/apps/hosts/domains', { json: { host: '*.Example.com' } });
    assert.equal(added.status, 201);
    assert.deepEqual(added.json, { host: '*.example.com', app: 'hosts', createdAt: added.json.createdAt });
    assert.deepEqual((await api.call('GET', '/v1/apps/hosts/domains')).json, { domains: [added.json] });
    await refused('POST', '/v1/apps/hosts/domains', { host: '*.example.com' }, 409, 'conflict');
    for (const host of ['', 'nodots', 'a_b.example', 'x.localhost', '1.2.3.4', 'x'.repeat(2000), 7]) {
      await refused('POST', '/v1/apps/hosts/domains', { host }, 400, 'invalid_input');
    }
    assert.match(
      (await refused('POST', '/v1/apps/hosts/domains', { host: 'a b' }, 400, 'invalid_input')).message,
      /"a b"/,
    );
    assert.equal((await api.call('DELETE', '/v1/apps/hosts/domains/*.example.com')).status, 204);
    await refused('DELETE', '/v1/apps/hosts/domains/*.example.com', undefined, 404, 'not_found');
    await refused('DELETE', '/v1/apps/hosts/domains/nodots', undefined, 400, 'invalid_input');
  });

  test('limits are set by admins, seen by the project, and told when they are reached', async () => {
    const before = await api.call('GET', '/v1/projects/theirs/limits', { key: await api.key('theirs', ['read']) });
    assert.equal(before.json.limits.apps, null);
    const nothing = { volumes: 0, volumeMiB: 0, databases: 0, databaseMiB: 0, databaseMemoryMiB: 0 };
    assert.deepEqual(before.json.usage, { apps: 0, buildSeconds: 0, diskMiB: 3, ...nothing });
    const set = await api.call('PATCH', '/v1/projects/theirs/limits', { json: { apps: 1, requestsPerSecond: 0.5 } });
    assert.equal(set.status, 200);
    assert.deepEqual([set.json.limits.apps, set.json.limits.requestsPerSecond, set.json.limits.cpus], [1, 0.5, null]);
    const key = await api.key('theirs', ['manage']);
    assert.equal((await api.call('POST', '/v1/apps', { key, json: { name: 'only' } })).status, 201);
    const over = await api.call('POST', '/v1/apps', { key, json: { name: 'more' } });
    assert.deepEqual([over.status, over.json.error.code], [429, 'quota_exceeded']);
    assert.equal(over.headers.get('x-thaw-limit'), 'apps');
    assert.match(over.json.error.hint, /limit apps is 1/);
    const pushed = await api.call('POST', '/v1/apps/more/deployments', {
      key,
      body: 'x',
      headers: { 'content-type': 'application/x-tar' },
    });
    assert.equal(pushed.status, 429);
    for (const json of [{ apps: -1 }, { apps: 1.5 }, { apps: 'many' }, { cpus: 1e13 }, { app: 1 }, []]) {
      await refused('PATCH', '/v1/projects/theirs/limits', json, 400, 'invalid_input');
    }
    await refused('PATCH', '/v1/projects/nowhere/limits', { apps: 1 }, 404, 'not_found');
    await refused('GET', '/v1/projects/nowhere/limits', undefined, 404, 'not_found');
    await api.call('PATCH', '/v1/projects/theirs/limits', { json: { apps: null } });
    assert.equal((await api.call('POST', '/v1/apps', { key, json: { name: 'more' } })).status, 201);
  });

  test('crons are listed with their runs, and run by name', async () => {
    await api.deployed('ticks');
    const cron: CronSpec = {
      name: 'nightly',
      schedule: '@daily',
      timezone: 'UTC',
      path: '/tick',
      method: 'POST',
      overlap: 'skip',
    };
    const nextRun = '2026-01-03T00:00:00.000Z';
    api.parts.crons = {
      upcoming: () => [{ cron, next: nextRun, running: 1 }],
      run: async (app, name) => {
        if (name !== cron.name) throw new ThawError('not_found', `${app} has no cron ${name}.`);
        const dueAt = '2026-01-02T03:04:05.678Z';
        const begun = { app, cron: name, deployment: 'd0', trigger: 'manual', dueAt } as const;
        const { id } = await api.control.cronRuns.begin(begun);
        return api.control.cronRuns.end(id, { outcome: 'failed', status: 503, ms: 12, error: null, skipped: 0 });
      },
    };
    const shown = async () => (await api.call('GET', '/v1/apps/ticks/crons')).json.crons;
    assert.deepEqual(await shown(), [{ ...cron, nextRun, running: 1, lastRun: null }]);
    const ran = await api.call('POST', '/v1/apps/ticks/crons/nightly/run');
    assert.deepEqual([ran.status, ran.json.run.outcome, ran.json.run.status], [200, 'failed', 503]);
    assert.deepEqual((await shown())[0].lastRun, ran.json.run);
    await refused('POST', '/v1/apps/ticks/crons/never/run', undefined, 404, 'not_found');
  });

  test('the build cache is listed and cleared within the project of the key', async () => {
    await api.deployed('cached');
    const asked: unknown[] = [];
    const entry: CachedInstall = {
      key: 'k1',
      project: 'default',
      app: 'cached',
      sizeBytes: 1_000_000,
      createdAt: '2026-01-02T03:04:05.678Z',
      lastUsedAt: '2026-01-02T03:04:05.678Z',
    };
    api.parts.buildCache = {
      list: async (project) => {
        asked.push(project);
        return [entry];
      },
      clear: async (...given) => {
        asked.push(given);
        return 1;
      },
    };
    const key = await api.key('default', ['deploy']);
    assert.deepEqual((await api.call('GET', '/v1/build-cache')).json, { entries: [entry] });
    await api.call('GET', '/v1/build-cache', { key });
    assert.deepEqual((await api.call('DELETE', '/v1/build-cache', { key })).json, { removed: 1 });
    await api.call('DELETE', '/v1/build-cache');
    await api.call('DELETE', '/v1/build-cache?app=cached');
    assert.deepEqual(asked, [null, 'default', ['default'], [null], ['default', 'cached']]);
    await refused('DELETE', '/v1/build-cache?app=nothing', undefined, 404, 'not_found');
  });

  test('the schema of thaw.toml needs no key', async () => {
    api.parts.settingsSchema = () => ({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
    const { status, json } = await api.call('GET', '/v1/thaw.schema.json', { key: null });
    assert.equal(status, 200);
    assert.equal(json.type, 'object');
  });
});
