import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

onBothDatabases('releases and routes', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const built = async (name: string, branch = 'main') => {
    const { id } = await at.control.deployments.begin({ app: name, branch, commit: null });
    await at.control.deployments.ready(id, { kind: 'web', template: 't_x', run: RUN });
    return id;
  };
  const release = (name: string, branch: string, deployment: string) =>
    at.control.releases.create({ app: name, branch, deployment, reason: 'push' });
  /** Label to deployment, of one app, without the deployments' own labels. */
  const labels = async (name: string) => {
    const routes = (await at.control.routes()).filter((route) => route.app === name);
    return Object.fromEntries(
      routes.flatMap(({ label, deployment }) => (label.startsWith(deployment) ? [] : [[label, deployment]])),
    );
  };

  test('numbers count up within app and branch', async () => {
    const [one, two] = [await app(), await app()];
    const [first, second] = [await built(one), await built(one)];
    assert.equal((await release(one, 'main', first)).number, 1);
    assert.equal((await release(one, 'main', second)).number, 2);
    assert.equal((await release(one, 'next', second)).number, 1);
    assert.equal((await release(two, 'main', await built(two))).number, 1);
    const rollback = await at.control.releases.create({
      app: one,
      branch: 'main',
      deployment: first,
      reason: 'rollback',
    });
    assert.deepEqual(rollback, {
      id: rollback.id,
      app: one,
      branch: 'main',
      number: 3,
      deployment: first,
      reason: 'rollback',
      createdAt: at.now.toISOString(),
    });
    assert.deepEqual(await at.control.releases.current(one, 'main'), rollback);
    assert.deepEqual((await at.control.releases.list(one))[0], rollback);
    assert.equal(await at.control.releases.current(two, 'next'), undefined);
  });

  test('releases made at once have different numbers, and the last one is in front', async () => {
    const name = await app();
    const ids = await Promise.all(Array.from({ length: 12 }, () => built(name)));
    const made = await Promise.all(ids.map((id) => release(name, 'main', id)));
    const numbers = made.map(({ number }) => number).sort((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    const last = made.find(({ number }) => number === 12);
    assert.deepEqual(await at.control.releases.current(name, 'main'), last);
    assert.deepEqual(await labels(name), { [name]: last?.deployment });
  });

  test('production, previews and single deployments have their labels', async () => {
    const name = await app();
    const [production, preview] = [await built(name), await built(name, 'feature-x')];
    await release(name, 'main', production);
    await release(name, 'feature-x', preview);
    const routes = (await at.control.routes()).filter((route) => route.app === name);
    const common = {
      app: name,
      project: 'default',
      kind: 'web',
      template: 't_x',
      shape: RUN.shape,
      port: RUN.port,
      scaling: {},
    } as const;
    assert.deepEqual(
      new Set(routes),
      new Set([
        { ...common, label: name, deployment: production },
        { ...common, label: `feature-x--${name}`, deployment: preview },
        { ...common, label: `${production}--${name}`, deployment: production },
        { ...common, label: `${preview}--${name}`, deployment: preview },
      ]),
    );
  });

  test('a preview ends and comes back, its numbers going on; production cannot end', async () => {
    const name = await app();
    const id = await built(name, 'topic');
    await release(name, 'topic', id);
    await at.control.releases.endBranch(name, 'topic');
    await at.control.releases.endBranch(name, 'topic');
    await at.control.releases.endBranch(name, 'never-was');
    assert.deepEqual(await labels(name), {});
    assert.equal(await at.control.releases.current(name, 'topic'), undefined);
    assert.equal((await release(name, 'topic', id)).number, 2);
    assert.deepEqual(await labels(name), { [`topic--${name}`]: id });
    await assert.rejects(at.control.releases.endBranch(name, 'main'), { code: 'invalid_input' });
  });

  test('only a ready deployment of the same app can be released', async () => {
    const [mine, other] = [await app(), await app()];
    const building = await at.control.deployments.begin({ app: mine, branch: 'main', commit: null });
    const failed = await at.control.deployments.begin({ app: mine, branch: 'main', commit: null });
    await at.control.deployments.fail(failed.id, 'no');
    await assert.rejects(release(mine, 'main', building.id), { code: 'conflict' });
    await assert.rejects(release(mine, 'main', failed.id), { code: 'conflict' });
    await assert.rejects(release(mine, 'main', await built(other)), { code: 'not_found' });
    await assert.rejects(release(mine, 'main', 'd00000000000'), { code: 'not_found' });
    await assert.rejects(release('nowhere', 'main', building.id), { code: 'not_found' });
    await assert.rejects(release(mine, '../main', building.id), { code: 'invalid_input' });
    assert.deepEqual(await labels(mine), {});
    assert.deepEqual(await at.control.releases.list(mine), []);
  });

  test('listeners hear of each committed change of the routes, and of nothing else', async () => {
    let heard = 0;
    const stop = at.control.onRoutesChanged(() => {
      heard += 1;
    });
    const stopBroken = at.control.onRoutesChanged(() => {
      throw new Error('a listener that fails');
    });
    const during = async (action: () => Promise<unknown>) => {
      heard = 0;
      await action();
      return heard;
    };
    const name = await app();
    const id = await built(name, 'topic');
    assert.equal(await during(() => release(name, 'topic', id)), 1);
    assert.equal(await during(() => at.control.deployments.rebaked(id, 't_y')), 1);
    assert.equal(await during(() => release(name, 'topic', 'd00000000000').catch(() => {})), 0);
    assert.equal(await during(() => at.control.releases.endBranch(name, 'topic')), 1);
    assert.equal(await during(() => at.control.releases.endBranch(name, 'topic')), 0);
    assert.equal(await during(() => at.control.apps.remove(name, null)), 1);
    stop();
    stopBroken();
    assert.equal(await during(app), 0);
    assert.equal(await during(async () => built(await app())), 0);
  });
});
