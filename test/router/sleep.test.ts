import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ask, begin, until } from './client.ts';
import { openStand, routeTo, startInstance } from './stand.ts';

const hello = () => (_req: unknown, res: { end(text: string): void }) => res.end('hello');

test('an instance ends when it was idle for its time, and the next request wakes the app again', async () => {
  await using stand = await openStand({ app: hello, limits: { idleMs: 50 } });
  await ask({ port: stand.port });
  await until(() => stand.ended.length === 1);
  assert.deepEqual(stand.edge.instances(), []);
  assert.equal((await ask({ port: stand.port })).headers['x-thaw-start'], 'cold');
  assert.deepEqual(stand.thawed, ['i1', 'i2']);
});

test('idle time begins when the last answer has ended, not when it began', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => {
      res.write('begun');
      setTimeout(() => res.end(), 150);
    },
    limits: { idleMs: 40 },
  });
  assert.equal((await ask({ port: stand.port })).body, 'begun');
  assert.deepEqual(stand.ended, []);
  await until(() => stand.ended.length === 1);
});

test('background work keeps an idle instance until it is done', async () => {
  await using stand = await openStand({ app: hello, limits: { idleMs: 20 } });
  stand.pending = 1;
  await ask({ port: stand.port });
  await delay(120);
  assert.deepEqual(stand.ended, []);
  stand.pending = 0;
  await until(() => stand.ended.length === 1);
});

test('an instance that does not say whether it has work is ended', async () => {
  const pending = () => Promise.reject(new Error('no agent'));
  await using stand = await openStand({ app: hello, limits: { idleMs: 20 }, parts: { pending } });
  await ask({ port: stand.port });
  await until(() => stand.ended.length === 1);
});

test('a request that comes while the instance is asked for its work keeps it', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<number>();
  let times = 0;
  const pending = () => {
    times += 1;
    asked.resolve();
    return times === 1 ? answer.promise : Promise.resolve(1);
  };
  await using stand = await openStand({ app: hello, limits: { idleMs: 20 }, parts: { pending } });
  await ask({ port: stand.port });
  await asked.promise;
  await ask({ port: stand.port });
  answer.resolve(0);
  await until(() => times > 1);
  assert.deepEqual(stand.ended, []);
});

test('a drained deployment answers what it has begun, then ends', async () => {
  const finish = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (_req, res) => {
      res.write('a');
      void finish.promise.then(() => res.end('b'));
    },
  });
  const answer = ask({ port: stand.port });
  await until(() => stand.edge.instances()[0]?.requests === 1);
  for (const deployment of stand.table.replace([])) stand.edge.drain(deployment);
  assert.equal((await ask({ port: stand.port })).status, 404);
  assert.deepEqual(stand.ended, []);
  finish.resolve();
  assert.equal((await answer).body, 'ab');
  await until(() => stand.ended.length === 1);
});

test('an instance whose VM has ended is used no more', async () => {
  await using stand = await openStand({ app: (instance) => (_req, res) => res.end(String(instance)) });
  assert.equal((await ask({ port: stand.port })).body, '1');
  stand.edge.remove('i1');
  stand.edge.remove('i1');
  assert.equal((await ask({ port: stand.port })).body, '2');
});

test('a VM that ends in the middle of an answer ends the answer', async () => {
  await using stand = await openStand({ app: () => (_req, res) => void res.write('begun') });
  const answer = await begin({ port: stand.port });
  stand.edge.remove('i1');
  await assert.rejects(answer.toArray());
});

test('an instance that ran before the edge did answers without a thaw, and goes to sleep like others', async () => {
  const server = createServer((_req, res) => res.end('adopted'));
  await using stand = await openStand({ app: hello, limits: { idleMs: 50 } });
  stand.servers.set('old', server);
  stand.edge.adopt(routeTo('shop', { idleMs: 50 }), await startInstance('old', server));
  const { body, headers } = await ask({ port: stand.port });
  assert.equal(body, 'adopted');
  assert.equal(headers['x-thaw-start'], 'warm');
  assert.deepEqual(stand.thawed, []);
  await until(() => stand.ended.includes('old'));
});

test('a thousand sleeping apps cost their entries in the table alone', async () => {
  await using stand = await openStand({ app: hello });
  stand.table.replace(Array.from({ length: 1000 }, (_, n) => routeTo(`app${n}`, { idleMs: 20 })));
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  assert.equal((await ask({ port: stand.port, host: 'app500.localhost' })).status, 200);
  await until(() => stand.ended.length === 1);
  assert.equal(timers(), before);
});
