import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

onBothDatabases('rollback and promotion', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const built = async (name: string, branch = 'main') => {
    const { id } = await at.control.deployments.begin({ app: name, branch, commit: null });
    await at.control.deployments.ready(id, { kind: 'web', template: 't_x', run: RUN });
    return id;
  };
  const released = async (name: string, branch = 'main') => {
    const deployment = await built(name, branch);
    await at.control.releases.create({ app: name, branch, deployment, reason: 'push' });
    return deployment;
  };
  const rollback = (name: string, release?: number, branch = 'main') =>
    at.control.releases.rollback({ app: name, branch, release });

  test('it goes back to the release before, or to the one that is named, as a new release', async () => {
    const name = await app();
    const [one, two, three] = [await released(name), await released(name), await released(name)];
    const back = await rollback(name);
    assert.deepEqual([back.number, back.deployment, back.reason], [4, two, 'rollback']);
    const named = await rollback(name, 1);
    assert.deepEqual([named.number, named.deployment], [5, one]);
    assert.deepEqual(await at.control.releases.current(name, 'main'), named);
    assert.equal((await rollback(name, 3)).deployment, three);
  });

  test('a release of the same deployment is no step back', async () => {
    const name = await app();
    const [one, two] = [await released(name), await released(name)];
    for (let i = 0; i < 3; i += 1) {
      await at.control.releases.create({ app: name, branch: 'main', deployment: two, reason: 'environment' });
    }
    assert.equal((await rollback(name)).deployment, one);
  });

  test('nothing to go back to is said clearly', async () => {
    const name = await app();
    await assert.rejects(rollback(name), { code: 'not_found', message: /nothing is in front/ });
    await assert.rejects(rollback(name, 1), { code: 'not_found' });
    await released(name);
    await assert.rejects(rollback(name), { code: 'not_found', message: /no earlier deployment on main/ });
    await assert.rejects(rollback(name, 7), { code: 'not_found', message: /no release 7 on main/ });
    await assert.rejects(rollback(name, 1), { code: 'conflict', message: /release 1 is in front of main already/ });
    await released(name, 'topic');
    await released(name, 'topic');
    await at.control.releases.endBranch(name, 'topic');
    await assert.rejects(rollback(name, undefined, 'topic'), { code: 'not_found' });
    await assert.rejects(rollback(name, undefined, 'a..b'), { code: 'invalid_input' });
    await assert.rejects(rollback('nowhere'), { code: 'not_found' });
    assert.equal((await at.control.releases.current(name, 'main'))?.number, 1);
  });

  test('rollbacks and pushes at once come one after the other, each from what the one before left', async () => {
    const name = await app();
    const ids = [await released(name), await released(name)];
    const next = await built(name);
    const push = at.control.releases.create({ app: name, branch: 'main', deployment: next, reason: 'push' });
    const made = await Promise.all([rollback(name), push, rollback(name), rollback(name)]);
    const order = made.sort((a, b) => a.number - b.number);
    assert.deepEqual(
      order.map(({ number }) => number),
      [3, 4, 5, 6],
    );
    let current = ids[1];
    for (const { deployment } of order) {
      assert.notEqual(deployment, current);
      current = deployment;
    }
    assert.deepEqual(await at.control.releases.current(name, 'main'), order.at(-1));
  });

  test('a preview, or any deployment of the app, can be put in front of the app itself', async () => {
    const name = await app();
    await released(name);
    const [old, newer] = [await released(name, 'topic'), await released(name, 'topic')];
    const promoted = await at.control.releases.promote({ app: name, branch: 'topic' });
    assert.deepEqual(
      [promoted.branch, promoted.number, promoted.deployment, promoted.reason],
      ['main', 2, newer, 'promote'],
    );
    assert.equal((await at.control.releases.promote({ app: name, deployment: old })).deployment, old);
    assert.equal((await at.control.releases.current(name, 'topic'))?.deployment, newer);
    assert.deepEqual(
      (await at.control.releases.inFront(name)).map(({ branch, deployment }) => [branch, deployment]),
      [
        ['main', old],
        ['topic', newer],
      ],
    );
  });

  test('what cannot be promoted is refused', async () => {
    const [name, other] = [await app(), await app()];
    const promote = (what: { deployment: string } | { branch: string }) =>
      at.control.releases.promote({ app: name, ...what });
    const { id: building } = await at.control.deployments.begin({ app: name, branch: 'x', commit: null });
    await assert.rejects(promote({ deployment: building }), { code: 'conflict', message: /is building/ });
    await at.control.deployments.fail(building, 'no');
    await assert.rejects(promote({ deployment: building }), { code: 'conflict', message: /is failed/ });
    await assert.rejects(promote({ deployment: await built(other) }), { code: 'not_found' });
    await assert.rejects(promote({ branch: 'main' }), { code: 'invalid_input' });
    await assert.rejects(promote({ branch: 'never' }), { code: 'not_found', message: /nothing in front of never/ });
    await assert.rejects(promote({ branch: 'a..b' }), { code: 'invalid_input' });
    await released(name, 'gone');
    await at.control.releases.endBranch(name, 'gone');
    await assert.rejects(promote({ branch: 'gone' }), { code: 'not_found' });
    assert.equal(await at.control.releases.current(name, 'main'), undefined);
  });
});
