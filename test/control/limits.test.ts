import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../platform/control/contract.ts';
import { onBothDatabases } from '../fixtures/control.ts';

const unasked = () => Promise.reject(new Error('disk was asked for, and is not limited'));
const NONE = {
  apps: null,
  instances: null,
  memoryMiB: null,
  cpus: null,
  buildMinutes: null,
  diskMiB: null,
  volumes: null,
  volumeMiB: null,
  databases: null,
  databaseMiB: null,
  databaseMemoryMiB: null,
  requestsPerSecond: null,
};

onBothDatabases('limits of projects', (at) => {
  const project = async () => (await at.control.projects.create(at.fresh('project'))).name;
  const fresh = (prefix: string) => at.fresh(prefix);

  test('there are none until some are set; setting one leaves the others', async () => {
    const name = await project();
    assert.deepEqual(await at.control.projects.limits(name), NONE);
    assert.deepEqual(await at.control.projects.setLimits(name, { apps: 3, cpus: 0.5 }), {
      ...NONE,
      apps: 3,
      cpus: 0.5,
    });
    await at.control.projects.setLimits(name, { apps: null, instances: 7 });
    await at.control.projects.setLimits(name, {});
    await at.reopen();
    const limits = { ...NONE, cpus: 0.5, instances: 7 };
    assert.deepEqual(await at.control.projects.limits(name), limits);
    const all = await at.control.projects.allLimits();
    assert.deepEqual([all.get(name), all.get('default')], [limits, NONE]);
    await assert.rejects(at.control.projects.limits('nowhere'), { code: 'not_found' });
    await assert.rejects(at.control.projects.setLimits('nowhere', { apps: 1 }), { code: 'not_found' });
    await assert.rejects(at.control.projects.usage('nowhere'), { code: 'not_found' });
  });

  test('the app past the limit is refused, also when many come at once; those there are stay usable', async () => {
    const name = await project();
    await at.control.projects.setLimits(name, { apps: 3 });
    const principal: Principal = { keyId: 'k', project: name, scopes: ['deploy'] };
    const names = Array.from({ length: 8 }, () => fresh('app'));
    const outcomes = await Promise.allSettled(names.map((app) => at.control.apps.ensure(app, principal)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 5);
    for (const { reason } of refused) {
      assert.equal(reason.code, 'quota_exceeded');
      assert.equal(reason.status, 429);
      assert.equal(reason.limit, 'apps');
      assert.match(reason.hint, /limit apps is 3.*thaw projects limits/);
    }
    const [app] = await at.control.apps.list(name);
    assert.equal((await at.control.apps.ensure(app?.name ?? '', principal)).id, app?.id);
    await assert.rejects(at.control.apps.create(fresh('app'), name), { code: 'quota_exceeded' });
    assert.equal((await at.control.projects.usage(name)).apps, 3);
    await at.control.apps.remove(app?.name ?? '', null);
    await at.control.apps.create(fresh('app'), name);
    await at.control.projects.setLimits(name, { apps: 0 });
    await assert.rejects(at.control.apps.create(fresh('app'), name), { code: 'quota_exceeded' });
    await at.control.apps.create(fresh('app'), await project());
  });

  test('disk is asked for and compared where it is limited', async () => {
    const name = await project();
    const MiB = 1024 ** 2;
    await at.control.projects.setLimits(name, { diskMiB: 10 });
    await at.control.builds.requireRoom(name, async () => 10 * MiB - 1);
    await assert.rejects(
      at.control.builds.requireRoom(name, async () => 10 * MiB),
      { code: 'quota_exceeded', limit: 'disk', message: `Project ${name} is at its limit of 10 MiB on disk.` },
    );
  });

  test('time of building adds up within a day, also from builds that end at once', async () => {
    const name = await project();
    const before = at.now;
    await at.control.projects.setLimits(name, { buildMinutes: 1 });
    await Promise.all(Array.from({ length: 10 }, () => at.control.builds.record(name, 5.5)));
    assert.equal((await at.control.projects.usage(name)).buildSeconds, 55);
    await at.control.builds.requireRoom(name, unasked);
    await at.control.builds.record(name, 5);
    await assert.rejects(at.control.builds.requireRoom(name, unasked), {
      code: 'quota_exceeded',
      limit: 'build-minutes',
    });
    at.now = new Date('2026-01-03T00:00:00.000Z');
    assert.equal((await at.control.projects.usage(name)).buildSeconds, 0);
    await at.control.builds.requireRoom(name, unasked);
    at.now = before;
    await at.control.projects.setLimits(name, { buildMinutes: null });
    await at.control.builds.requireRoom(name, unasked);
    await assert.rejects(at.control.builds.record('nowhere', 1), { code: 'not_found' });
  });

  test('a change of limits is told like one of the routes', async () => {
    const name = await project();
    let heard = 0;
    const stop = at.control.onRoutesChanged(() => {
      heard += 1;
    });
    await at.control.projects.setLimits(name, { requestsPerSecond: 10 });
    stop();
    assert.equal(heard, 1);
  });
});
