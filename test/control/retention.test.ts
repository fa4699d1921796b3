import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

const HOUR = 3_600_000;

onBothDatabases('deployments that are kept for nobody', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const begin = async (name: string, branch = 'main') =>
    (await at.control.deployments.begin({ app: name, branch, commit: null })).id;
  const built = async (name: string, template: string, branch = 'main') => {
    const id = await begin(name, branch);
    await at.control.deployments.ready(id, { kind: 'web', template, run: RUN });
    return id;
  };
  const release = (name: string, deployment: string, branch = 'main') =>
    at.control.releases.create({ app: name, branch, deployment, reason: 'push' });
  const later = (ms: number) => {
    at.now = new Date(at.now.getTime() + ms);
  };
  const expired = async (keep: number, olderThanMs: number, name: string) =>
    (await at.control.deployments.expired({ keep, olderThanMs })).filter((one) => one.app === name).map(({ id }) => id);

  test('they are old, not in front of anything, and not among the newest of their kind', async () => {
    const [name, other] = [await app(), await app()];
    const ids = [];
    for (let i = 0; i < 6; i += 1) ids.push(await built(name, `t_${i}`));
    const [one, two, three, four] = ids as [string, string, string, string];
    const preview = await built(name, 't_p', 'topic');
    await release(name, one);
    await release(name, preview, 'topic');
    const failed = [await begin(name), await begin(name), await begin(name)];
    for (const id of failed) await at.control.deployments.fail(id, 'no');
    await begin(name);
    await built(other, 't_o');
    later(2 * HOUR);
    const young = await built(name, 't_young');
    // Newest ready ones: young, preview, ids[5]. Newest failed ones: all three.
    assert.deepEqual(await expired(3, HOUR, name), [two, three, four, ids[4]]);
    assert.deepEqual(await expired(2, HOUR, name), [two, three, four, ids[4], ids[5], failed[0]]);
    assert.deepEqual(await expired(0, 3 * HOUR, name), []);
    assert.ok(!(await expired(0, HOUR, name)).includes(young));
    assert.deepEqual((await expired(0, HOUR, other)).length, 1);
  });

  test('a template that was let go of leaves a deployment that still routes, and is baked again', async () => {
    const name = await app();
    const [old, shared, current] = [
      await built(name, 't_same'),
      await built(name, 't_same'),
      await built(name, 't_now'),
    ];
    for (const id of [old, shared, current]) await release(name, id);
    assert.deepEqual(await at.control.deployments.forgetTemplate(old), { templates: [] });
    assert.deepEqual(await at.control.deployments.forgetTemplate(shared), { templates: ['t_same'] });
    assert.deepEqual(await at.control.deployments.forgetTemplate(shared), { templates: [] });
    const forgotten = await at.control.deployments.get(old);
    assert.deepEqual([forgotten.status, forgotten.template], ['ready', null]);
    const route = (await at.control.routes()).find(({ deployment }) => deployment === old);
    assert.equal(route?.template, null);
    assert.ok(!(await at.control.deployments.templatesInUse()).has('t_same'));
    const back = await at.control.releases.rollback({ app: name, branch: 'main', release: 1 });
    assert.equal(back.deployment, old);
    await at.control.deployments.rebaked(old, 't_again');
    assert.equal((await at.control.deployments.get(old)).template, 't_again');
  });

  test('removing one takes its artifact, its releases and its route', async () => {
    const name = await app();
    const [old, current] = [await built(name, 't_old'), await built(name, 't_cur')];
    await at.control.artifacts.put(old, one(Buffer.from('x')));
    for (const id of [old, current]) await release(name, id);
    let heard = 0;
    const stop = at.control.onRoutesChanged(() => {
      heard += 1;
    });
    assert.deepEqual(await at.control.deployments.remove(old), { templates: ['t_old'] });
    stop();
    assert.equal(heard, 1);
    await assert.rejects(at.control.deployments.get(old), { code: 'not_found' });
    await assert.rejects(at.control.artifacts.get(old)[Symbol.asyncIterator]().next(), { code: 'not_found' });
    assert.deepEqual(
      (await at.control.releases.list(name)).map(({ number }) => number),
      [2],
    );
    assert.ok((await at.control.routes()).every(({ deployment }) => deployment !== old));
    assert.equal((await release(name, current)).number, 3);
  });

  test('what is in front of a branch or building stays', async () => {
    const name = await app();
    const [front, building] = [await built(name, 't_x', 'topic'), await begin(name)];
    await release(name, front, 'topic');
    const { forgetTemplate, remove } = at.control.deployments;
    await assert.rejects(forgetTemplate(front), { code: 'conflict', message: /in front of topic/ });
    await assert.rejects(remove(front), { code: 'conflict', message: /in front of topic/ });
    await assert.rejects(forgetTemplate(building), { code: 'conflict' });
    await assert.rejects(remove(building), { code: 'conflict', message: /is building/ });
    await assert.rejects(forgetTemplate('d00000000000'), { code: 'not_found' });
    await assert.rejects(remove('d00000000000'), { code: 'not_found' });
    await at.control.deployments.fail(building, 'no');
    await assert.rejects(forgetTemplate(building), { code: 'conflict' });
    assert.deepEqual(await at.control.deployments.remove(building), { templates: [] });
  });

  test('a deployment that is removed while it is released is either in front or gone', async () => {
    const name = await app();
    await release(name, await built(name, 't_base'));
    for (let round = 0; round < 15; round += 1) {
      const id = await built(name, `t_${round}`);
      const [removal, released] = await Promise.allSettled([
        at.control.deployments.remove(id),
        at.control.releases
          .rollback({ app: name, branch: 'main' })
          .then(() => release(name, id))
          .catch(() => release(name, id)),
      ]);
      const current = await at.control.releases.current(name, 'main');
      assert.ok(current !== undefined, 'something is in front at all times');
      assert.notEqual(removal.status, released.status);
      if (released.status === 'fulfilled') assert.equal(current.deployment, id);
      else assert.equal(released.reason.code, 'not_found');
    }
  });
});

async function* one(chunk: Uint8Array): AsyncIterable<Uint8Array> {
  yield chunk;
}
