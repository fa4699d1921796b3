import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { ThawError } from '../../platform/errors.ts';
import type { Limits } from '../../router/parts.ts';
import { ask, begin, until } from './client.ts';
import { openStand, routeTo, type Stand } from './stand.ts';

const IDLE_MS = 40;
const freeze: Partial<Limits> = { sleep: 'freeze', idleMs: IDLE_MS };

/** Answers with the number of the instance, and how many requests it has had. */
function counter(instance: number) {
  let count = 0;
  return (_req: unknown, res: { end(text: string): void }) => {
    count += 1;
    res.end(`${instance}:${count}`);
  };
}

/** A WebSocket echo. */
function echo(server: Server): void {
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
}

async function dial(stand: Stand): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${stand.port}/`, { headers: { host: 'shop.localhost' } });
  await once(socket, 'open');
  return socket;
}

async function say(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(text);
  return String((await answer)[0]);
}

/** What an answer has brought so far. */
function textOf(answer: IncomingMessage): () => string {
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

const KEEPALIVE_TIMER = '02';

/** The kernel's timers on open connections to a port of this machine, as /proc/net/tcp numbers them. */
function timersTo(port: number): string[] {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.flatMap((row) => (row[2] === remote && row[3] === '01' ? [String(row[5]).slice(0, 2)] : []));
}

const asleep = (stand: Stand, times = 1) =>
  until(() => stand.slept.length === times && stand.edge.instances().every(({ state }) => state === 'asleep'));

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
