import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ThawError } from '../../platform/errors.ts';
import type { Limits, Route } from '../../router/parts.ts';
import { ask, until } from './client.ts';
import { openStand, routeTo, type Stand } from './stand.ts';

/** The routes after a release: the app's own name leads to `front`, the deployments' own names to all. */
function routes(front: string, deployments: string[], limits: Partial<Limits> = {}): Route[] {
  const shop = routeTo('shop', limits);
  const own = deployments.map((deployment) => ({
    ...shop,
    label: `${deployment}--shop`,
    deployment,
    front: deployment === front,
  }));
  return [{ ...shop, deployment: front }, ...own];
}

function release(stand: Stand, ...change: Parameters<typeof routes>): void {
  for (const left of stand.table.replace(routes(...change))) stand.edge.drain(left);
  stand.edge.keep(stand.table.kept());
}

const never = new AbortController().signal;

test('who waits for an instance as a release changes is answered, and new requests go to the new deployment', async () => {
  const thaw = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: (instance) => (_req, res) => res.end(String(instance)),
    beforeThaw: (attempt) => (attempt === 1 ? thaw.promise : Promise.resolve()),
  });
  release(stand, 'd1', ['d1']);
  const waiting = [1, 2, 3].map(() => ask({ port: stand.port }));
  await until(() => stand.edge.waiting('d1') === 3);
  release(stand, 'd2', ['d1', 'd2']);
  assert.equal((await ask({ port: stand.port })).body, '1');
  assert.equal(stand.edge.instances()[0]?.deployment, 'd2');
  thaw.resolve();
  for (const { status, body } of await Promise.all(waiting)) assert.deepEqual([status, body], [200, '2']);
  await until(() => stand.ended.length === 1);
  assert.deepEqual(stand.ended, ['i2']);
});

test('who waits for a deployment that cannot be had any more is answered by the one in front', async () => {
  const gone = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (req, res) => res.end(req.method),
    parts: {},
    beforeThaw: async (attempt) => {
      if (attempt > 2) return;
      await gone.promise;
      throw new ThawError('not_found', 'The deployment was removed.');
    },
  });
  release(stand, 'd1', ['d1']);
  const waiting = [ask({ port: stand.port }), ask({ port: stand.port, method: 'POST', body: 'once' })];
  await until(() => stand.edge.waiting('d1') === 2);
  release(stand, 'd2', ['d2']);
  gone.resolve();
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ status, body }) => [status, body]),
    [
      [200, 'GET'],
      [200, 'POST'],
    ],
  );
  assert.ok(stand.edge.instances().every(({ deployment }) => deployment === 'd2'));
});

test('a deployment that is warmed ahead answers its first request without a thaw', async () => {
  await using stand = await openStand({ app: (instance) => (_req, res) => res.end(String(instance)) });
  release(stand, 'd1', ['d1']);
  await ask({ port: stand.port });
  const [next] = routes('d2', ['d2']) as [Route];
  await stand.edge.warm(next, never);
  await stand.edge.warm(next, never);
  assert.deepEqual(stand.thawed, ['i1', 'i2']);
  release(stand, 'd2', ['d1', 'd2']);
  const { body, headers } = await ask({ port: stand.port });
  assert.deepEqual([body, headers['x-thaw-start']], ['2', 'warm']);
  await until(() => stand.ended.includes('i1'));
});

test('a deployment that cannot be warmed tells why, also when its project has no room for it', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => res.end(),
    beforeThaw: async () => {
      throw new ThawError('thaw_failed', 'The VM did not come up.');
    },
  });
  await assert.rejects(stand.edge.warm(routeTo('shop'), never), { code: 'thaw_failed' });
  await assert.rejects(stand.edge.warm({ ...routeTo('shop'), projectMost: { instances: 0 } }, never), {
    code: 'no_room',
    limit: 'instances',
  });
  await assert.rejects(stand.edge.warm(routeTo('shop'), AbortSignal.abort()), { code: 'cancelled' });
});

test('a steady stream of requests through releases and rollbacks, idle times included, does not fail once', async () => {
  await using stand = await openStand({
    app: (instance) => (_req, res) => void setTimeout(() => res.end(String(instance)), instance % 3),
    beforeThaw: () => delay(15),
  });
  const limits = { idleMs: 20, softLimit: 2 };
  release(stand, 'd1', ['d1'], limits);
  const statuses: Promise<number>[] = [];
  for (let round = 0; round < 12; round += 1) {
    for (let n = 0; n < 10; n += 1) {
      statuses.push(ask({ port: stand.port }).then(({ status }) => status));
      await delay(4);
    }
    // Every third round is quiet for so long that nothing is up any more.
    if (round % 3 === 2) await delay(60);
    release(stand, `d${round % 4}`, ['d0', 'd1', 'd2', 'd3'], limits);
  }
  assert.deepEqual([...new Set(await Promise.all(statuses))], [200]);
});

test('the old deployment, asked by its own name, answers on, and its instance is not kept for it', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end('old') });
  const limits: Partial<Limits> = { sleep: 'freeze', idleMs: 30, minInstances: 1 };
  release(stand, 'd1', ['d1'], limits);
  release(stand, 'd2', ['d1', 'd2'], { ...limits, minInstances: 0 });
  assert.equal((await ask({ port: stand.port, host: 'd1--shop.localhost' })).body, 'old');
  await until(() => stand.edge.instances().length === 0);
  assert.deepEqual(stand.slept, []);
});
