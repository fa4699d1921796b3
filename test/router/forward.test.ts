import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ask, begin, readAll } from './client.ts';
import { openStand } from './stand.ts';

/** Answers with what arrived: method, URL, raw headers, trailers and body. */
const mirror = () => async (req: IncomingMessage, res: ServerResponse) => {
  const body = Buffer.concat(await req.toArray()).toString();
  const { method, url, rawHeaders: headers, rawTrailers: trailers } = req;
  res.end(JSON.stringify({ method, url, headers, trailers, body }));
};

interface Mirrored {
  method: string;
  url: string;
  headers: string[];
  trailers: string[];
  body: string;
}

/** The values of one header in a flat list, in order. */
function values(flat: string[], name: string): string[] {
  return flat.flatMap((text, at) => (at % 2 === 0 && text.toLowerCase() === name ? [flat[at + 1] as string] : []));
}

test('method, path, query, body and headers reach the app as they were sent', async () => {
  await using stand = await openStand({ app: mirror });
  const answer = await ask({
    port: stand.port,
    method: 'PATCH',
    path: '/a%2Fb//c/../d?q=%20&x=1',
    headers: { 'X-Odd-Case': 'kept', cookie: 'a=1' },
    body: 'hello',
  });
  const seen = JSON.parse(answer.body) as Mirrored;
  assert.equal(seen.method, 'PATCH');
  assert.equal(seen.url, '/a%2Fb//c/../d?q=%20&x=1');
  assert.equal(seen.body, 'hello');
  assert.ok(seen.headers.includes('X-Odd-Case'));
  assert.deepEqual(values(seen.headers, 'host'), ['shop.localhost']);
  assert.deepEqual(values(seen.headers, 'content-length'), ['5']);
  assert.deepEqual(values(seen.headers, 'transfer-encoding'), []);
});

test('headers between neighbours are dropped, also those that Connection names, and those of the platform', async () => {
  await using stand = await openStand({
    app: () => (req, res) => {
      res.setHeader('connection', 'x-inner');
      res.setHeader('x-inner', '1');
      res.setHeader('x-thaw-start', 'forged');
      res.setHeader('x-request-id', 'forged');
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      res.end(JSON.stringify({ headers: req.rawHeaders }));
    },
  });
  const answer = await ask({
    port: stand.port,
    headers: {
      connection: 'keep-alive, X-Secret-Hop, host, x-forwarded-for',
      'x-secret-hop': '1',
      'proxy-authorization': 'Basic x',
      te: 'trailers',
      'keep-alive': 'timeout=5',
      'x-thaw-admin': '1',
      X_Thaw_Admin: '1',
      x_forwarded_proto: 'https',
    },
  });
  const { headers } = JSON.parse(answer.body) as Mirrored;
  for (const gone of [
    'x-secret-hop',
    'proxy-authorization',
    'te',
    'x-thaw-admin',
    'x_thaw_admin',
    'x_forwarded_proto',
  ]) {
    assert.deepEqual(values(headers, gone), [], gone);
  }
  assert.deepEqual(values(headers, 'host'), ['shop.localhost']);
  assert.deepEqual(values(headers, 'x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(values(headers, 'x-forwarded-proto'), ['http']);
  assert.deepEqual(values(headers, 'x-forwarded-host'), ['shop.localhost']);
  assert.equal(answer.headers['x-inner'], undefined);
  assert.equal(answer.headers['x-thaw-start'], 'cold');
  assert.notEqual(answer.headers['x-request-id'], 'forged');
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
});

test('a proxy on this machine is believed about the client before it', async () => {
  await using stand = await openStand({ app: mirror });
  const { body } = await ask({
    port: stand.port,
    headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' },
  });
  const { headers } = JSON.parse(body) as Mirrored;
  assert.deepEqual(values(headers, 'x-forwarded-for'), ['203.0.113.9, 127.0.0.1']);
  assert.deepEqual(values(headers, 'x-forwarded-proto'), ['https']);
});

test('a request id is kept when it is sane, else a new one is made; app and client see the same', async () => {
  await using stand = await openStand({ app: mirror });
  const given = ['req-1.a_B', 'x'.repeat(129), 'a b', 'a"b', ''];
  for (const id of given) {
    const { headers, body } = await ask({ port: stand.port, headers: { 'x-request-id': id } });
    const seen = values((JSON.parse(body) as Mirrored).headers, 'x-request-id');
    assert.deepEqual(seen, [headers['x-request-id']]);
    if (id === 'req-1.a_B') assert.equal(seen[0], id);
    else assert.match(String(seen[0]), /^[0-9a-f-]{36}$/);
  }
});

test('an answer to HEAD, 204 and 304 has no body, and the connection goes on', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await using stand = await openStand({
    app: () => (req, res) => {
      if (req.url === '/204') res.writeHead(204).end();
      else if (req.url === '/304') res.writeHead(304, { etag: '"x"' }).end();
      else res.writeHead(200, { 'content-length': 5 }).end('hello');
    },
  });
  const head = await ask({ port: stand.port, method: 'HEAD', agent });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '5', '']);
  assert.equal((await ask({ port: stand.port, path: '/204', agent })).status, 204);
  const unchanged = await ask({ port: stand.port, path: '/304', agent });
  assert.deepEqual([unchanged.status, unchanged.headers.etag, unchanged.body], [304, '"x"', '']);
  const last = begin({ port: stand.port, agent });
  const { req } = (await last).resume() as IncomingMessage & { req: { reusedSocket: boolean } };
  assert.equal(req.reusedSocket, true);
  agent.destroy();
});

test('trailers pass in both directions', async () => {
  await using stand = await openStand({
    app: () => async (req, res) => {
      res.writeHead(200, { trailer: 'x-sum' });
      for await (const chunk of req) res.write(chunk);
      res.addTrailers({ 'x-sum': String(req.trailers['x-count']) });
      res.end();
    },
  });
  const up = request({
    port: stand.port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { host: 'shop.localhost', trailer: 'x-count', 'transfer-encoding': 'chunked' },
  });
  up.write('x');
  up.addTrailers({ 'x-count': '42' });
  up.end();
  const [answer] = (await once(up, 'response')) as [IncomingMessage];
  await answer.toArray();
  assert.equal(answer.trailers['x-sum'], '42');
});

test('a client that expects 100 Continue is told to go on by the app', async () => {
  await using stand = await openStand({ app: mirror });
  const up = request({
    port: stand.port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { host: 'shop.localhost', expect: '100-continue', 'content-length': '4' },
  });
  up.flushHeaders();
  await once(up, 'continue');
  up.end('body');
  const [answer] = (await once(up, 'response')) as [IncomingMessage];
  const seen = JSON.parse(Buffer.concat(await answer.toArray()).toString()) as Mirrored;
  assert.equal(seen.body, 'body');
});

test('an app may refuse a body before it is sent; the connection then ends', async () => {
  await using stand = await openStand({
    app: mirror,
    prepare: (server) => server.on('checkContinue', (_req, res) => res.writeHead(413).end('too large')),
  });
  const socket = await stand.dial();
  socket.write('POST / HTTP/1.1\r\nhost: shop.localhost\r\nexpect: 100-continue\r\ncontent-length: 9999\r\n\r\n');
  const text = await readAll(socket);
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.match(text, /connection: close/i);
});

test('early hints reach the client ahead of the answer', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('ok');
    },
  });
  const up = request({ port: stand.port, host: '127.0.0.1', headers: { host: 'shop.localhost' } }).end();
  const answered = once(up, 'response') as Promise<[IncomingMessage]>;
  const [info] = await once(up, 'information');
  assert.equal(info.statusCode, 103);
  assert.equal(info.headers.link, '</a.css>; rel=preload');
  const [answer] = await answered;
  answer.resume();
});

test('a client that speaks HTTP/1.0 gets a plain body that ends with the connection', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => {
      res.write('one');
      res.end('two');
    },
  });
  const socket = await stand.dial();
  socket.write('GET / HTTP/1.0\r\nHost: shop.localhost\r\n\r\n');
  const text = await readAll(socket);
  assert.doesNotMatch(text, /transfer-encoding/i);
  assert.ok(text.endsWith('\r\n\r\nonetwo'), text);
});

test('pipelined requests are answered in order', async () => {
  await using stand = await openStand({
    app: () => (req, res) => void setTimeout(() => res.end(req.url), req.url === '/1' ? 50 : 0),
  });
  const socket = await stand.dial();
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: shop.localhost\r\n${more}\r\n`;
  socket.write(get('/1') + get('/2') + get('/3', 'Connection: close\r\n'));
  const text = await readAll(socket);
  assert.deepEqual(
    [...text.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path),
    ['/1', '/2', '/3'],
  );
});
