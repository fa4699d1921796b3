import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { ThawError } from '../../platform/errors.ts';
import { ask, readAll, until } from './client.ts';
import { openStand } from './stand.ts';

const plain = () => (_req: unknown, res: { end(text: string): void }) => res.end('plain');

/** A WebSocket echo on an instance. */
function echo(server: Server): void {
  new WebSocketServer({ server, path: '/echo' }).on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
}

function dialEcho(port: number, path = '/echo'): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host: 'shop.localhost' } });
}

test('a WebSocket wakes the app, passes messages both ways and closes with its code', async () => {
  await using stand = await openStand({ app: plain, prepare: echo });
  const socket = dialEcho(stand.port);
  const [[answer]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
  assert.equal(answer.headers['x-thaw-start'], 'cold');
  assert.match(answer.headers['x-request-id'], /^[0-9a-f-]{36}$/);
  for (const text of ['one', 'two', 'x'.repeat(1_000_000)]) {
    const message = once(socket, 'message');
    socket.send(text);
    assert.equal(String((await message)[0]), text);
  }
  assert.equal(stand.edge.instances()[0]?.connections, 1);
  socket.close(4321, 'bye');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4321);
  await until(() => stand.edge.instances()[0]?.connections === 0);
});

test('an open WebSocket keeps its instance; once it is closed the instance goes to sleep', async () => {
  await using stand = await openStand({ app: plain, prepare: echo, limits: { idleMs: 30 } });
  const socket = dialEcho(stand.port);
  await once(socket, 'open');
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.deepEqual(stand.ended, []);
  socket.terminate();
  await until(() => stand.ended.length === 1);
});

test('open WebSockets fill instances up to the most there may be, and never lock requests out', async () => {
  await using stand = await openStand({ app: plain, prepare: echo, limits: { softLimit: 2, maxInstances: 2 } });
  const sockets: WebSocket[] = [];
  for (let n = 0; n < 6; n += 1) {
    const socket = dialEcho(stand.port);
    await once(socket, 'open');
    sockets.push(socket);
  }
  assert.deepEqual(
    stand.edge.instances().map(({ connections }) => connections),
    [3, 3],
  );
  assert.equal((await ask({ port: stand.port })).body, 'plain');
  for (const socket of sockets) socket.terminate();
});

test('where no more instances can be had, open WebSockets do not lock requests out either', async () => {
  await using stand = await openStand({
    app: plain,
    prepare: echo,
    limits: { softLimit: 1, maxInstances: 4 },
    beforeThaw: async (attempt) => {
      if (attempt > 1) throw new ThawError('no_room', 'The machine is full.');
    },
  });
  const socket = dialEcho(stand.port);
  await once(socket, 'open');
  assert.equal((await ask({ port: stand.port })).body, 'plain');
  socket.terminate();
});

test('a WebSocket does not hold on to an instance that has stopped answering', async () => {
  await using stand = await openStand({
    app: () => () => {},
    prepare: echo,
    limits: { responseTimeoutMs: 60 },
  });
  const socket = dialEcho(stand.port);
  await once(socket, 'open');
  const closed = once(socket, 'close');
  assert.equal((await ask({ port: stand.port })).status, 504);
  assert.equal(stand.edge.instances()[0]?.state, 'retiring');
  await closed;
  assert.deepEqual(stand.ended, ['i1']);
});

test('a WebSocket whose VM ends is closed', async () => {
  await using stand = await openStand({ app: plain, prepare: echo });
  const socket = dialEcho(stand.port);
  await once(socket, 'open');
  stand.edge.remove('i1');
  const [code] = await once(socket, 'close');
  assert.equal(code, 1006);
});

test('an upgrade to an instance that is dead is taken by a fresh one', async () => {
  await using stand = await openStand({ app: plain, prepare: echo });
  await ask({ port: stand.port });
  await stand.crash('i1');
  const socket = dialEcho(stand.port);
  await once(socket, 'open');
  assert.equal(stand.thawed.length, 2);
  socket.terminate();
});

test('an app that refuses an upgrade is heard', async () => {
  await using stand = await openStand({ app: plain, prepare: echo });
  const socket = dialEcho(stand.port, '/elsewhere');
  const [, answer] = await once(socket, 'unexpected-response');
  assert.equal(answer.statusCode, 400);
  await until(() => stand.edge.instances()[0]?.requests === 0);
});

test('an app that takes no upgrades answers as to any request, however long its answer is', async () => {
  const long = 'x'.repeat(4 * 1024 * 1024);
  await using stand = await openStand({ app: () => (_req, res) => res.end(long) });
  const socket = await stand.dial();
  socket.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const text = await readAll(socket);
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.ok(text.endsWith(`\r\n\r\n${long}`));
});

test('an app that switches protocols though nobody asked for that is answered for with 502', async () => {
  await using stand = await openStand({
    app: () => (req) => void req.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw'),
  });
  assert.equal((await ask({ port: stand.port })).status, 502);
  await until(() => stand.edge.instances()[0]?.requests === 0);
});

test('an upgrade to no app is answered with an error, and the connection ends', async () => {
  await using stand = await openStand({ app: plain });
  const socket = await stand.dial();
  socket.write('GET / HTTP/1.1\r\nHost: nobody.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  assert.match(await readAll(socket), /^HTTP\/1\.1 404 [\s\S]*"not_found"/);
});

test('another protocol passes raw in both directions, with what was sent ahead and half-closed ends', async () => {
  await using stand = await openStand({
    app: plain,
    prepare: (server) =>
      server.on('upgrade', (req, socket: Socket, head: Buffer) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nready ');
        const heard: Buffer[] = [head];
        socket.on('data', (chunk: Buffer) => heard.push(chunk));
        socket.on('end', () => socket.end(`${req.headers.upgrade} ${Buffer.concat(heard).toString().toUpperCase()}`));
      }),
  });
  const socket = await stand.dial();
  socket.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nahead ');
  await once(socket, 'readable');
  socket.end('after');
  const text = await readAll(socket);
  assert.match(text, /^HTTP\/1\.1 101 /);
  assert.match(text, /\r\n\r\nready shout AHEAD AFTER$/);
});

test('HTTP/2 in the clear and upgrades with a body are answered as plain requests', async () => {
  await using stand = await openStand({
    app: () => (req, res) => res.end(`${req.headers.upgrade ?? 'none'} ${req.headers['http2-settings'] ?? 'none'}`),
  });
  const upgrade = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' };
  assert.equal((await ask({ port: stand.port, headers: upgrade })).body, 'none none');
  const bodied = { connection: 'Upgrade', upgrade: 'websocket' };
  assert.equal((await ask({ port: stand.port, method: 'POST', headers: bodied, body: 'x' })).body, 'none none');
});

test('a client that leaves while its upgrade waits frees its place in the queue', async () => {
  await using stand = await openStand({
    app: plain,
    beforeThaw: (_attempt, signal) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
  });
  for (const leave of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => void socket.end()]) {
    const socket = await stand.dial();
    socket.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await until(() => stand.edge.waiting('d-shop') === 1);
    leave(socket);
    await until(() => stand.edge.waiting('d-shop') === 0);
    socket.destroy();
  }
  assert.equal(stand.aborted, 2);
});
