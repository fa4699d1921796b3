import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { ask, begin, until } from './client.ts';
import { asleep, counter, dial, echo, freeze, KEEPALIVE_TIMER, say, textOf, timersTo } from './freezing.ts';
import { openStand } from './stand.ts';

test('a WebSocket stays open across sleep; its next message wakes the instance and is answered', async () => {
  await using stand = await openStand({ app: counter, prepare: echo, limits: freeze });
  const socket = await dial(stand);
  assert.equal(await say(socket, 'one'), 'one');
  for (const [round, text] of ['two', 'three', 'x'.repeat(300_000)].entries()) {
    await asleep(stand, round + 1);
    assert.equal(stand.edge.instances()[0]?.connections, 1);
    assert.equal(await say(socket, text), text);
  }
  assert.deepEqual([stand.thawed, stand.woken, stand.disturbances], [['i1'], ['i1', 'i1', 'i1'], []]);
  socket.terminate();
});

test('the kernel has nothing to ask a sleeping instance, and asks again when it is awake', async () => {
  await using stand = await openStand({
    app: () => (req, res) => {
      if (req.url !== '/events') res.end();
      else res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: hello\n\n');
    },
    prepare: echo,
    limits: freeze,
  });
  const socket = await dial(stand);
  const stream = await begin({ port: stand.port, path: '/events' });
  stream.on('error', () => {}).resume();
  const { port } = (stand.servers.get('i1') as Server).address() as AddressInfo;
  await until(() => timersTo(port).every((timer) => timer === KEEPALIVE_TIMER));
  await asleep(stand);
  assert.deepEqual(timersTo(port), ['00', '00']);
  assert.equal(await say(socket, 'hello'), 'hello');
  await until(() => timersTo(port).every((timer) => timer === KEEPALIVE_TIMER));
  socket.terminate();
  stream.destroy();
});

test('what clients send while the instance wakes is held back, in order and without growing', async () => {
  const wake = Promise.withResolvers<void>();
  await using stand = await openStand({ app: counter, prepare: echo, limits: freeze, beforeWake: () => wake.promise });
  const sockets = await Promise.all(Array.from({ length: 5 }, () => dial(stand)));
  await asleep(stand);
  const piece = Buffer.alloc(1024 * 1024, 1);
  const heard = sockets.map(async (socket) => {
    const sizes: number[] = [];
    for (let n = 1; n <= 20; n += 1) {
      const message = once(socket, 'message');
      if (n === 1) for (let size = 1; size <= 20; size += 1) socket.send(piece.subarray(0, size * 50_000));
      sizes.push(((await message)[0] as Buffer).length);
    }
    return sizes;
  });
  await until(() => stand.woken.length === 1);
  await delay(100);
  // More than the kernel's buffers take: the clients are held up, not served from the edge's memory.
  assert.ok(sockets.every((socket) => socket.bufferedAmount > 1024 * 1024));
  assert.deepEqual([stand.woken, stand.disturbances], [['i1'], []]);
  wake.resolve();
  const expected = Array.from({ length: 20 }, (_, n) => (n + 1) * 50_000);
  for (const sizes of await Promise.all(heard)) assert.deepEqual(sizes, expected);
  for (const socket of sockets) socket.terminate();
});

test('bytes on a WebSocket, from either side, keep its instance awake', async () => {
  const served = Promise.withResolvers<WebSocket>();
  let clock = 0;
  await using stand = await openStand({
    app: counter,
    prepare: (server) => new WebSocketServer({ server }).on('connection', served.resolve),
    limits: { sleep: 'freeze', idleMs: 50 },
    parts: { now: () => clock },
  });
  const socket = await dial(stand);
  const sides: [WebSocket, WebSocket] = [socket, await served.promise];
  for (let n = 0; n < 10; n += 1) {
    const [from, to] = n % 2 === 0 ? sides : sides.toReversed();
    clock += 40;
    const heard = once(to as WebSocket, 'message');
    from?.send('here');
    await heard;
    await delay(20);
  }
  assert.deepEqual(stand.slept, []);
  clock += 50;
  await asleep(stand);
  socket.terminate();
});

test('a message that comes as the instance falls asleep wakes it as soon as it sleeps', async () => {
  const falling = Promise.withResolvers<void>();
  const fallen = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: counter,
    prepare: echo,
    limits: freeze,
    beforeSleep: () => {
      falling.resolve();
      return fallen.promise;
    },
  });
  const socket = await dial(stand);
  await falling.promise;
  const answer = say(socket, 'now');
  const asked = ask({ port: stand.port });
  await delay(20);
  assert.deepEqual(stand.woken, []);
  fallen.resolve();
  assert.equal(await answer, 'now');
  assert.equal((await asked).headers['x-thaw-start'], 'resumed');
  assert.deepEqual([stand.thawed, stand.woken, stand.disturbances], [['i1'], ['i1'], []]);
  socket.terminate();
});

test('a client that leaves a sleeping instance does not wake it; the instance hears of it when it wakes', async () => {
  let open = 0;
  await using stand = await openStand({
    app: counter,
    prepare: (server) =>
      new WebSocketServer({ server }).on('connection', (socket) => {
        open += 1;
        socket.on('close', () => {
          open -= 1;
        });
      }),
    limits: freeze,
  });
  const [reset, ended] = [await dial(stand), await dial(stand)];
  await asleep(stand);
  (reset as unknown as { _socket: Socket })._socket.resetAndDestroy();
  ended.terminate();
  await delay(50);
  assert.deepEqual([stand.woken, open], [[], 2]);
  assert.equal((await ask({ port: stand.port })).headers['x-thaw-start'], 'resumed');
  assert.deepEqual(stand.disturbances, []);
  await until(() => open === 0);
  assert.equal(stand.edge.instances()[0]?.connections, 0);
});

test('a WebSocket that is closed properly wakes its instance and gets its answer', async () => {
  await using stand = await openStand({ app: counter, prepare: echo, limits: freeze });
  const socket = await dial(stand);
  await asleep(stand);
  socket.close(4321, 'bye');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4321);
  assert.deepEqual(stand.woken, ['i1']);
});

test('a silent event stream stays open across sleep and goes on after it', async () => {
  const streams = new Set<ServerResponse>();
  await using stand = await openStand({
    app: () => (req, res) => {
      if (req.url !== '/events') {
        for (const stream of streams) stream.write('data: again\n\n');
        res.end();
        return;
      }
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: hello\n\n');
      streams.add(res);
      res.on('close', () => streams.delete(res));
    },
    limits: freeze,
  });
  const [stays, leaves] = [
    await begin({ port: stand.port, path: '/events' }),
    await begin({ port: stand.port, path: '/events' }),
  ];
  const heard = textOf(stays);
  leaves.on('error', () => {});
  await asleep(stand);
  leaves.destroy();
  await delay(30);
  // Its instance is told when it is awake.
  assert.equal(streams.size, 2);
  assert.equal((await ask({ port: stand.port })).headers['x-thaw-start'], 'resumed');
  await until(() => streams.size === 1 && heard() === 'data: hello\n\ndata: again\n\n');
  assert.deepEqual([stand.woken, stand.disturbances], [['i1'], []]);
  stays.on('error', () => {});
  stays.destroy();
  await until(() => streams.size === 0);
});

test('where waking for a message fails its connection is closed, and the next request gets a fresh instance', async () => {
  await using stand = await openStand({
    app: counter,
    prepare: echo,
    limits: freeze,
    beforeWake: () => Promise.reject(new Error('gone')),
  });
  const socket = await dial(stand);
  await asleep(stand);
  socket.send('hello?');
  await once(socket, 'close');
  assert.deepEqual([stand.ended, stand.edge.instances()], [['i1'], []]);
  assert.equal((await ask({ port: stand.port })).body, '2:1');
});
