import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

onBothDatabases('volumes', (at) => {
  const project = async () => (await at.control.projects.create(at.fresh('project'))).name;
  const disk = () => at.fresh('v_');

  test('a volume is kept with its disk, size and attachment, over a restart', async () => {
    const owner = await project();
    const { id, createdAt } = await at.control.volumes.add({
      project: owner,
      name: 'data',
      disk: 'v_one',
      sizeMiB: 64,
    });
    const app = at.fresh('app');
    await at.control.apps.create(app, owner);
    const made = await at.control.volumes.get(owner, 'data');
    await at.control.volumes.attach(made, { app, path: '/data' });
    await at.control.volumes.resize(made, 128);
    await at.reopen();
    const known = await at.control.volumes.get(owner, 'data');
    const attached = { app, path: '/data' };
    assert.deepEqual(known, { id, project: owner, name: 'data', disk: 'v_one', sizeMiB: 128, attached, createdAt });
    await at.control.volumes.remove(known);
  });

  test('one name is one volume of a project, also when two make it at once', async () => {
    const owner = await project();
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map(() => at.control.volumes.add({ project: owner, name: 'data', disk: disk(), sizeMiB: 16 })),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const one of outcomes) if (one.status === 'rejected') assert.equal(one.reason.code, 'conflict');
    const other = await project();
    await at.control.volumes.add({ project: other, name: 'data', disk: disk(), sizeMiB: 16 });
    assert.equal((await at.control.volumes.list(owner)).length, 1);
    await assert.rejects(at.control.volumes.get(owner, 'none'), { code: 'not_found' });
  });

  test('a project gets no more than its limits, also when it asks for several at once', async () => {
    const owner = await project();
    await at.control.projects.setLimits(owner, { volumes: 2, volumeMiB: 100 });
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((name) => at.control.volumes.add({ project: owner, name, disk: disk(), sizeMiB: 40 })),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2);
    const [one] = await at.control.volumes.list(owner);
    assert.ok(one);
    const snapshot = { name: 'first', disk: disk(), sizeMiB: 40 };
    await assert.rejects(at.control.volumes.addSnapshot(one, snapshot), { code: 'quota_exceeded', limit: 'volumes' });
    await assert.rejects(at.control.volumes.resize(one, 61), { code: 'quota_exceeded' });
    assert.equal((await at.control.volumes.resize(one, 60)).sizeMiB, 60);
    const { volumes, volumeMiB } = await at.control.projects.usage(owner);
    assert.deepEqual([volumes, volumeMiB], [2, 100]);
  });

  test('removing one gives back the disks of its snapshots too', async () => {
    const owner = await project();
    const [own, kept] = [disk(), disk()];
    const volume = await at.control.volumes.add({ project: owner, name: 'data', disk: own, sizeMiB: 16 });
    await at.control.volumes.addSnapshot(volume, { name: 'first', disk: kept, sizeMiB: 16 });
    assert.ok((await at.control.volumes.disks()).has(kept));
    assert.deepEqual((await at.control.volumes.remove(volume)).sort(), [own, kept].sort());
    assert.ok(!(await at.control.volumes.disks()).has(kept));
  });

  test('what is in front of an app tells which volumes it has', async () => {
    const owner = await project();
    const app = at.fresh('app');
    await at.control.apps.create(app, owner);
    const mounts = [{ volume: 'data', path: '/data' }];
    const release = async (branch: string, run: typeof RUN) => {
      const { id } = await at.control.deployments.begin({ app, branch, commit: null });
      await at.control.deployments.ready(id, { kind: 'web', template: at.fresh('t'), run });
      await at.control.releases.create({ app, branch, deployment: id, reason: 'deploy' });
      return id;
    };
    await release('main', RUN);
    assert.deepEqual(await at.control.volumes.inFront(owner), []);
    const id = await release('main', { ...RUN, mounts });
    assert.deepEqual(await at.control.volumes.inFront(owner), [{ project: owner, app, ...mounts[0] }]);
    const routes = (await at.control.routes()).filter(({ deployment }) => deployment === id);
    assert.deepEqual(routes[0]?.mounts, mounts);
    await release('main', RUN);
    assert.deepEqual(await at.control.volumes.inFront(owner), []);
  });
});
