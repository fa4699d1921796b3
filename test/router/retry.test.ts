import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { ask, readAll, until } from './client.ts';
import { openStand } from './stand.ts';

const tell = (instance: number) => (_req: unknown, res: { end(text: string): void }) => res.end(String(instance));

test('a request to an instance that is dead is answered by a fresh one, and the dead one is ended', async () => {
  await using stand = await openStand({ app: tell });
  assert.equal((await ask({ port: stand.port })).body, '1');
  await stand.crash('i1');
  const { status, body, headers } = await ask({ port: stand.port });
  assert.deepEqual([status, body, headers['x-thaw-start']], [200, '2', 'cold']);
  assert.deepEqual(stand.ended, ['i1']);
});

test('an upload to an instance that is dead is not lost', async () => {
  await using stand = await openStand({
    app: (instance) => async (req, res) => res.end(`${instance} ${Buffer.concat(await req.toArray())}`),
  });
  await ask({ port: stand.port });
  await stand.crash('i1');
  assert.equal((await ask({ port: stand.port, method: 'POST', body: 'payload' })).body, '2 payload');
});

test('a kept connection that the app closes as it is used costs nothing: the same instance answers', async () => {
  let served = 0;
  await using stand = await openStand({
    app: () => (req, res) => {
      served += 1;
      // The second request on a connection finds it closed, as when a keep-alive timeout ends right then.
      if (served === 2) req.socket.destroy();
      else res.end(String(served));
    },
  });
  assert.equal((await ask({ port: stand.port })).body, '1');
  assert.equal((await ask({ port: stand.port })).body, '3');
  assert.deepEqual(stand.thawed, ['i1']);
});

test('what may have been done is not done twice: a broken POST is answered 502', async () => {
  let served = 0;
  await using stand = await openStand({
    app: () => (req, res) => {
      served += 1;
      if (req.method === 'POST') req.socket.destroy();
      else res.end();
    },
  });
  await ask({ port: stand.port });
  for (const body of ['x', undefined]) {
    served = 0;
    const answer = await ask({ port: stand.port, method: 'POST', ...(body === undefined ? {} : { body }) });
    assert.equal(answer.status, 502);
    assert.equal(JSON.parse(answer.body).error.code, 'app_crashed');
    assert.equal(served, 1);
  }
});

test('code that ends its process in every request is answered 502, and the next request gets a fresh instance', async () => {
  await using stand = await openStand({
    app: (instance) => (req, res) => {
      if (req.url === '/exit') void stand.crash(`i${instance}`);
      else res.end(String(instance));
    },
  });
  assert.equal((await ask({ port: stand.port, path: '/exit' })).status, 502);
  const next = await ask({ port: stand.port });
  assert.equal(next.status, 200);
  assert.equal(next.body, '2');
});

test('an app whose instances never accept a connection is answered 502 after a few', async () => {
  let thaws = 0;
  const ended: string[] = [];
  const thaw = async () => {
    thaws += 1;
    // A port that was free a moment ago: nothing listens there.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    return { id: `dead${thaws}`, address: '127.0.0.1', port, phases: {} };
  };
  const end = async (id: string) => void ended.push(id);
  await using stand = await openStand({ app: tell, parts: { thaw, end } });
  const { status, body } = await ask({ port: stand.port });
  assert.equal(status, 502);
  assert.match(JSON.parse(body).error.message, /does not accept connections/);
  assert.deepEqual(ended, ['dead1', 'dead2']);
});

test('an app that does not answer in time is answered 504, and gets no more requests in that instance', async () => {
  await using stand = await openStand({
    app: (instance) => (_req, res) => {
      if (instance > 1) res.end('fresh');
    },
    limits: { responseTimeoutMs: 50 },
  });
  const { status, body } = await ask({ port: stand.port });
  assert.equal(status, 504);
  assert.equal(JSON.parse(body).error.code, 'timed_out');
  assert.equal((await ask({ port: stand.port })).body, 'fresh');
  assert.deepEqual(stand.ended, ['i1']);
});

test('an upload may take longer than an answer may, as long as it moves', async () => {
  await using stand = await openStand({
    app: () => async (req, res) => res.end(String(Buffer.concat(await req.toArray()).length)),
    limits: { responseTimeoutMs: 150 },
  });
  const socket = await stand.dial();
  socket.write('POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\nContent-Length: 6\r\n\r\n');
  let sent = 0;
  const timer = setInterval(() => {
    socket.write('x');
    sent += 1;
    if (sent === 6) clearInterval(timer);
  }, 50);
  assert.match(await readAll(socket), /^HTTP\/1\.1 200 [\s\S]*6/);
});

test('a client that stops in the middle of its upload is told so, and the instance is not blamed', async () => {
  await using stand = await openStand({ app: () => (req) => void req.resume(), limits: { responseTimeoutMs: 80 } });
  const socket = await stand.dial();
  socket.write('POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 6\r\n\r\nxx');
  const [answer] = await once(socket, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 504 [\s\S]*request's body/);
  socket.destroy();
  assert.equal(stand.edge.instances()[0]?.state, 'ready');
});

test('an answer that breaks in the middle breaks at the client too', async () => {
  await using stand = await openStand({
    app: () => (req, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('part', () => req.socket.destroy());
    },
  });
  await assert.rejects(ask({ port: stand.port }), { code: 'ECONNRESET' });
});

test('an answer that is no HTTP is 502', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.end('SSH-2.0-OpenSSH\r\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const thaw = async () => ({ id: 'odd', address: '127.0.0.1', port, phases: {} });
  await using stand = await openStand({ app: tell, parts: { thaw, end: async () => void server.close() } });
  assert.equal((await ask({ port: stand.port })).status, 502);
  await until(() => stand.edge.instances()[0]?.requests === 0);
});

test('others in an instance that looks dead are answered before it ends', async () => {
  const finish = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: (instance) => (req, res) => {
      if (req.url === '/slow') void finish.promise.then(() => res.end(`slow ${instance}`));
      else if (instance > 1) res.end('fresh');
    },
    limits: { responseTimeoutMs: 1000, softLimit: 2 },
  });
  const stuck = ask({ port: stand.port });
  await until(() => stand.edge.instances()[0]?.requests === 1);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const slow = ask({ port: stand.port, path: '/slow' });
  assert.equal((await stuck).status, 504);
  assert.equal((await ask({ port: stand.port })).body, 'fresh');
  assert.deepEqual(stand.ended, []);
  finish.resolve();
  assert.equal((await slow).body, 'slow 1');
  await until(() => stand.ended.includes('i1'));
});
