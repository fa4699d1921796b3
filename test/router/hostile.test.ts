import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, readAll } from './client.ts';
import { openStand } from './stand.ts';

const HOST = 'Host: shop.localhost\r\n';

/** Sends bytes as they are; resolves with all that came back. */
async function raw(stand: Awaited<ReturnType<typeof openStand>>, bytes: string): Promise<string> {
  const socket = await stand.dial();
  socket.write(bytes, 'latin1');
  const timer = setTimeout(() => socket.destroy(), 1000);
  const text = await readAll(socket);
  clearTimeout(timer);
  return text;
}

test('requests whose end is a matter of opinion are refused, and what follows them is not read', async () => {
  const seen: string[] = [];
  await using stand = await openStand({
    app: () => (req, res) => {
      seen.push(req.url ?? '');
      res.end('ok');
    },
  });
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: shop.localhost\r\n\r\n';
  const attempts = [
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 50\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: +5\r\n\r\nabcde${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5, 5\r\n\r\nabcde${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n${inner}`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5;\nabcde\r\n0\r\n\r\n${inner}`,
    `GET / HTTP/1.1\r\n${HOST}X-A: 1\nX-B: 2\r\n\r\n`,
    `GET / HTTP/1.1\r\n${HOST} folded: 1\r\nX: 1\r\n y\r\n\r\n`,
    `GET / HTTP/1.1\r\n${HOST}X-A: \u0000\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: other.localhost\r\n${HOST}Connection: close\r\n\r\n`,
    `GET / HTTP/1.1\r\n\r\n`,
    `GET / HTTP/9.9\r\n${HOST}\r\n`,
    'nonsense\r\n\r\n',
  ];
  for (const bytes of attempts) {
    const text = await raw(stand, bytes);
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
    assert.ok(!seen.includes('/smuggled'), JSON.stringify(bytes));
    assert.ok(
      statuses.every((status) => status === '400') && statuses.length <= 1,
      `${JSON.stringify(bytes)}: ${text}`,
    );
  }
  assert.equal((await ask({ port: stand.port })).body, 'ok');
});

test('a chunked body with an inner request in it stays a body', async () => {
  const seen: string[] = [];
  await using stand = await openStand({
    app: () => async (req, res) => {
      seen.push(`${req.url} ${Buffer.concat(await req.toArray())}`);
      res.end();
    },
  });
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: shop.localhost\r\n\r\n';
  await ask({ port: stand.port, method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: inner });
  await ask({ port: stand.port, method: 'GET', headers: { 'content-length': String(inner.length) }, body: inner });
  assert.deepEqual(seen, [`/ ${inner}`, `/ ${inner}`]);
});

test('the edge is no proxy: whole URLs, CONNECT and other targets are refused', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end('reached') });
  const targets: [string, RegExp][] = [
    [`GET http://shop.localhost/ HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET http://169.254.169.254/latest HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET https://shop.localhost/ HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`OPTIONS * HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`CONNECT shop.localhost:80 HTTP/1.1\r\n${HOST}\r\n`, /^HTTP\/1\.1 405 /],
    [
      `GET http://shop.localhost/ HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
  ];
  for (const [bytes, expected] of targets) assert.match(await raw(stand, bytes), expected, bytes);
  assert.deepEqual(stand.thawed, []);
});

test('a Host header that names no app is answered 404, and wakes nothing', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end('reached') });
  const hosts = [
    'localhost',
    'nobody.localhost',
    'shop.example.org',
    '127.0.0.1',
    'shop.localhost.evil.org',
    '__proto__.localhost',
  ];
  for (const host of hosts) assert.equal((await ask({ port: stand.port, host })).status, 404, host);
  for (const host of [
    '',
    'shop.localhost/..',
    'shop localhost',
    'a@shop.localhost',
    'shop.localhost:99999999',
    '<script>',
  ]) {
    const text = await raw(stand, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 40[04] /, host);
    assert.doesNotMatch(text, /<script>/);
  }
  assert.match(await raw(stand, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 404 /);
  assert.deepEqual(stand.thawed, []);
});

test('a head that is too long is answered 431', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end('reached') });
  assert.match(await raw(stand, `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(40_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(await raw(stand, `GET /${'x'.repeat(40_000)} HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 431 /);
  assert.equal((await ask({ port: stand.port, path: `/${'x'.repeat(8000)}` })).body, 'reached');
});

test('an app cannot answer with what would split its answer', async () => {
  await using stand = await openStand({
    app: () => (req) => {
      req.socket.end(
        'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n',
      );
    },
  });
  assert.equal((await ask({ port: stand.port })).status, 502);
});

test('what an app sends past its answer never becomes the answer to someone else', async () => {
  await using stand = await openStand({
    app: () => (req) => {
      req.socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nminemore HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged',
      );
    },
  });
  const answers = await Promise.all([ask({ port: stand.port }), ask({ port: stand.port })]);
  answers.push(await ask({ port: stand.port }));
  for (const { body } of answers) assert.equal(body, 'mine');
});

test('odd bytes in an answer break that answer at most', async () => {
  const odd = ['\u007f', '\u0001', '\u0000', '\u00ff', '\u0080', '\t', '\r', '\n x', '\n'];
  const answers = odd.flatMap((char) => [
    `HTTP/1.1 103 Early\r\nLink: a${char}b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 200 O${char}K\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nX-A: a${char}b\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nTrailer: x-a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: a${char}b\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nX${char}A: b\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 101 O\r\nUpgrade: x${char}\r\n\r\n`,
  ]);
  answers.push('HTTP/1.1 099 Low\r\n\r\n', 'HTTP/1.1 1000 High\r\n\r\n', '\r\n\r\n', 'HTTP/2.0 200 OK\r\n\r\n');
  await using stand = await openStand({
    app: () => (req) => {
      req.socket.end(Buffer.from(answers[Number(req.url?.slice(1))] ?? '', 'latin1'));
    },
    prepare: (server) =>
      server.on('upgrade', (req, socket) => {
        socket.end(Buffer.from(answers[Number(req.url?.slice(1))] ?? '', 'latin1'));
      }),
  });
  for (const at of answers.keys()) {
    await ask({ port: stand.port, path: `/${at}` }).catch(() => {});
    await raw(stand, `GET /${at} HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`);
  }
  assert.equal((await ask({ port: stand.port, host: 'nobody.localhost' })).status, 404);
});
