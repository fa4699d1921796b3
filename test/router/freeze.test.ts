import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ThawError } from '../../platform/errors.ts';
import { ask, until } from './client.ts';
import { asleep, counter, dial, echo, freeze, IDLE_MS } from './freezing.ts';
import { openStand, routeTo } from './stand.ts';

test('an idle instance is put to sleep and not ended; the next request wakes it with its memory', async () => {
  await using stand = await openStand({ app: counter, limits: freeze });
  assert.equal((await ask({ port: stand.port })).body, '1:1');
  await asleep(stand);
  const { body, headers } = await ask({ port: stand.port });
  assert.equal(body, '1:2');
  assert.equal(headers['x-thaw-start'], 'resumed');
  assert.match(String(headers['server-timing']), /thaw;dur=/);
  assert.equal((await ask({ port: stand.port })).headers['x-thaw-start'], 'warm');
  assert.deepEqual([stand.thawed, stand.woken, stand.ended], [['i1'], ['i1'], []]);
  await asleep(stand, 2);
});

test('many requests at once cause one wake, and all are answered by the same instance', async () => {
  await using stand = await openStand({ app: counter, limits: freeze, beforeWake: () => delay(50) });
  await ask({ port: stand.port });
  await asleep(stand);
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask({ port: stand.port })));
  for (const { body, headers } of answers) {
    assert.match(body, /^1:/);
    assert.equal(headers['x-thaw-start'], 'resumed');
  }
  assert.deepEqual([stand.thawed, stand.woken], [['i1'], ['i1']]);
});

test('an answer that has not begun is no connection that lasts: the instance stays awake', async () => {
  const finish = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (_req, res) => void finish.promise.then(() => res.end('late')),
    limits: freeze,
  });
  const answer = ask({ port: stand.port });
  await delay(4 * IDLE_MS);
  assert.deepEqual(stand.slept, []);
  finish.resolve();
  assert.equal((await answer).body, 'late');
  await asleep(stand);
});

test('background work is done before the instance sleeps', async () => {
  await using stand = await openStand({ app: counter, limits: freeze });
  stand.pending = 1;
  await ask({ port: stand.port });
  await delay(3 * IDLE_MS);
  assert.deepEqual(stand.slept, []);
  stand.pending = 0;
  await asleep(stand);
});

test('where waking fails the connections are closed, and the request that waits gets a fresh instance', async () => {
  await using stand = await openStand({
    app: counter,
    prepare: echo,
    limits: freeze,
    beforeWake: () => Promise.reject(new ThawError('thaw_failed', 'The snapshot is damaged.')),
  });
  const socket = await dial(stand);
  await asleep(stand);
  const closed = once(socket, 'close');
  const { body, headers } = await ask({ port: stand.port });
  assert.deepEqual([body, headers['x-thaw-start']], ['2:1', 'cold']);
  assert.equal((await closed)[0], 1006);
  assert.deepEqual(stand.ended, ['i1']);
});

test('an instance that cannot be put to sleep is ended', async () => {
  await using stand = await openStand({
    app: counter,
    prepare: echo,
    limits: freeze,
    beforeSleep: () => Promise.reject(new ThawError('no_room', 'The disk is full.')),
  });
  const socket = await dial(stand);
  await once(socket, 'close');
  assert.deepEqual([stand.ended, stand.edge.instances()], [['i1'], []]);
});

test('sleeping instances are woken before new ones are thawed, and there are never more than the most allowed', async () => {
  const holds: (() => void)[] = [];
  await using stand = await openStand({
    app: (instance) => (_req, res) => void holds.push(() => res.end(String(instance))),
    limits: { ...freeze, softLimit: 1, maxInstances: 2 },
  });
  const round = async () => {
    const answers = [1, 2, 3].map(() => ask({ port: stand.port }));
    await until(() => holds.length === 2);
    for (let released = 0; released < 3; released += 1) {
      await until(() => holds.length > 0);
      holds.shift()?.();
    }
    for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
  };
  await round();
  await asleep(stand, 2);
  await round();
  assert.deepEqual(
    [stand.thawed, stand.woken.toSorted()],
    [
      ['i1', 'i2'],
      ['i1', 'i2'],
    ],
  );
});

test('a sleeping instance of a drained deployment is ended, its connections closed', async () => {
  await using stand = await openStand({ app: counter, prepare: echo, limits: freeze });
  const socket = await dial(stand);
  await asleep(stand);
  for (const deployment of stand.table.replace([])) stand.edge.drain(deployment);
  await once(socket, 'close');
  assert.deepEqual([stand.ended, stand.edge.instances()], [['i1'], []]);
});

test('an instance that falls asleep as its deployment is drained is ended', async () => {
  const fallen = Promise.withResolvers<void>();
  const falling = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: counter,
    limits: freeze,
    beforeSleep: () => {
      falling.resolve();
      return fallen.promise;
    },
  });
  await ask({ port: stand.port });
  await falling.promise;
  for (const deployment of stand.table.replace([])) stand.edge.drain(deployment);
  fallen.resolve();
  await until(() => stand.ended.length === 1);
});

test('the edge closes without waiting for connections of instances that sleep', async () => {
  await using stand = await openStand({ app: counter, prepare: echo, limits: freeze, parts: { graceMs: 5000 } });
  const socket = await dial(stand);
  await asleep(stand);
  const closed = once(socket, 'close');
  const began = performance.now();
  await stand.edge[Symbol.asyncDispose]();
  assert.ok(performance.now() - began < 1000);
  await closed;
  assert.deepEqual(stand.ended, ['i1']);
});

test('closing can put instances to sleep, and leave those that do already', async () => {
  await using stand = await openStand({ app: counter, limits: freeze, parts: { atClose: 'sleep' } });
  stand.table.replace([
    routeTo('shop', freeze),
    routeTo('awake', { ...freeze, idleMs: 60_000 }),
    routeTo('plain', { idleMs: 60_000 }),
  ]);
  for (const host of ['shop.localhost', 'awake.localhost', 'plain.localhost']) await ask({ port: stand.port, host });
  await until(() => stand.slept.length === 1);
  await stand.edge[Symbol.asyncDispose]();
  assert.deepEqual([stand.slept, stand.woken, stand.ended], [['i1', 'i2'], [], ['i3']]);
});

test('an edge that closes while an instance wakes gives the wake up', async () => {
  await using stand = await openStand({
    app: counter,
    limits: freeze,
    beforeWake: (_id, signal) => delay(10_000, undefined, { signal }),
    parts: { graceMs: 20 },
  });
  await ask({ port: stand.port });
  await asleep(stand);
  const asked = ask({ port: stand.port }).then(
    ({ status }) => status,
    () => 'cut',
  );
  await until(() => stand.woken.length === 1);
  await stand.edge[Symbol.asyncDispose]();
  assert.ok(['cut', 503].includes(await asked));
  assert.deepEqual(stand.ended, ['i1']);
});

test('an instance that slept when an earlier edge closed is woken by the first request', async () => {
  await using first = await openStand({ app: counter, limits: freeze });
  await ask({ port: first.port });
  await asleep(first);
  const { address, port } = (first.servers.get('i1') as Server).address() as AddressInfo;
  const instance = { id: 'i1', address, port, phases: {} };
  await using stand = await openStand({ app: counter, limits: freeze, parts: { wake: async () => instance } });
  stand.edge.adopt(routeTo('shop', freeze), instance, 'asleep');
  assert.equal(stand.edge.instances()[0]?.state, 'asleep');
  const { body, headers } = await ask({ port: stand.port });
  assert.deepEqual([body, headers['x-thaw-start'], stand.thawed], ['1:2', 'resumed', []]);
});

test('instances that sleep set no timers', async () => {
  await using stand = await openStand({ app: counter, limits: freeze });
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  stand.table.replace(Array.from({ length: 50 }, (_, n) => routeTo(`app${n}`, freeze)));
  await Promise.all(Array.from({ length: 50 }, (_, n) => ask({ port: stand.port, host: `app${n}.localhost` })));
  await asleep(stand, 50);
  assert.equal(timers(), before);
});
