import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, until } from './client.ts';
import { openStand, routeTo } from './stand.ts';

const ALONE = { maxInstances: 1 };

/** The app's own name leads to one deployment. */
function inFront(deployment: string, limits = {}) {
  return [{ ...routeTo('shop', { ...ALONE, ...limits }), deployment }];
}

test('requests that come while a deployment is held wait, and go where their name leads afterwards', async () => {
  const answering = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: (instance) => async (req, res) => {
      if (req.url === '/slow') await answering.promise;
      res.end(String(instance));
    },
  });
  stand.table.replace(inFront('d1'));
  const slow = ask({ port: stand.port, path: '/slow' });
  await until(() => stand.edge.instances()[0]?.requests === 1);

  const hold = stand.edge.hold('d1');
  const waiting = [1, 2, 3].map(() => ask({ port: stand.port }));
  const retired = stand.edge.retire('d1', 5000);
  assert.deepEqual(stand.ended, []);
  answering.resolve();
  assert.equal((await slow).body, '1', 'what is under way is answered');
  await retired;
  assert.deepEqual(stand.ended, ['i1'], 'and only then it ends');

  stand.table.replace(inFront('d2'));
  hold[Symbol.dispose]();
  for (const { status, body } of await Promise.all(waiting)) assert.deepEqual([status, body], [200, '2']);
});

test('the deployment that was held goes on when nothing else is in front', async () => {
  await using stand = await openStand({ app: (instance) => (_req, res) => res.end(String(instance)) });
  stand.table.replace(inFront('d1'));
  assert.equal((await ask({ port: stand.port })).body, '1');
  const hold = stand.edge.hold('d1');
  await stand.edge.retire('d1', 5000);
  const waiting = ask({ port: stand.port });
  hold[Symbol.dispose]();
  assert.equal((await waiting).body, '2');
});

test('who waits too long at a held deployment is told, and what does not end in time is broken off', async () => {
  const never = new Promise<void>(() => {});
  await using stand = await openStand({
    app: () => async (req, res) => {
      if (req.url === '/slow') await never;
      res.end();
    },
  });
  stand.table.replace(inFront('d1', { wakeTimeoutMs: 100 }));
  const slow = ask({ port: stand.port, path: '/slow' });
  await until(() => stand.edge.instances()[0]?.requests === 1);
  using _hold = stand.edge.hold('d1');
  assert.equal((await ask({ port: stand.port })).status, 504);
  await stand.edge.retire('d1', 50);
  assert.deepEqual(stand.ended, ['i1']);
  assert.equal((await slow).status, 502);
});
