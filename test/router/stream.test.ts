import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ask, begin, until } from './client.ts';
import { openStand } from './stand.ts';

/** Frees what nothing refers to any more, so that memory in use can be measured. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect(); // Buffers are freed beside the first run; the second waits for that.
}

test('an answer reaches the client piece by piece, the head even before the first', async () => {
  const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using stand = await openStand({
    app: () => async (_req, res) => {
      res.writeHead(200, { 'content-length': 2 });
      res.flushHeaders();
      await steps[0]?.promise;
      res.write('a');
      await steps[1]?.promise;
      res.end('b');
    },
  });
  const answer = await begin({ port: stand.port });
  assert.equal(answer.headers['content-length'], '2');
  steps[0]?.resolve();
  const [first] = await once(answer, 'data');
  assert.equal(String(first), 'a');
  steps[1]?.resolve();
  const [second] = await once(answer, 'data');
  assert.equal(String(second), 'b');
});

test('server-sent events arrive one by one', async () => {
  let send = (_text: string): void => {};
  await using stand = await openStand({
    app: () => (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      send = (text) => void res.write(`data: ${text}\n\n`);
      send('0');
    },
  });
  const answer = await begin({ port: stand.port });
  for (const n of [0, 1, 2, 3]) {
    if (n > 0) send(String(n));
    const [chunk] = await once(answer, 'data');
    assert.equal(String(chunk), `data: ${n}\n\n`);
  }
  assert.equal(stand.edge.instances()[0]?.connections, 1);
  answer.destroy();
  await until(() => stand.edge.instances()[0]?.connections === 0);
});

test('a body reaches the app piece by piece, and the answer may begin before its end', async () => {
  await using stand = await openStand({ app: () => (req, res) => void req.pipe(res) });
  const up = request({ port: stand.port, host: '127.0.0.1', method: 'POST', headers: { host: 'shop.localhost' } });
  up.write('first');
  const [answer] = (await once(up, 'response')) as [IncomingMessage];
  const pieces = answer[Symbol.asyncIterator]();
  assert.equal(String((await pieces.next()).value), 'first');
  up.end('second');
  assert.equal(String((await pieces.next()).value), 'second');
  assert.equal((await pieces.next()).done, true);
});

test('the head of an upload goes ahead of its body', async () => {
  const arrived = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (_req, res) => {
      arrived.resolve();
      res.end('early');
    },
  });
  const up = request({
    port: stand.port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { host: 'shop.localhost', 'content-length': '1000000' },
  });
  up.on('error', () => {});
  up.flushHeaders();
  await arrived.promise;
  const [answer] = (await once(up, 'response')) as [IncomingMessage];
  assert.equal(Buffer.concat(await answer.toArray()).toString(), 'early');
  up.destroy();
});

test('64 MiB pass in each direction without being held in memory, and no faster than they are read', async () => {
  const size = 64 * 1024 * 1024;
  const piece = Buffer.alloc(64 * 1024, 7);
  let sent = 0;
  const pieces = function* () {
    for (let left = size; left > 0; left -= piece.length) {
      sent += piece.length;
      yield piece;
    }
  };
  await using stand = await openStand({
    app: () => async (req, res) => {
      if (req.method === 'GET') {
        Readable.from(pieces()).pipe(res);
        return;
      }
      let got = 0;
      for await (const chunk of req) got += (chunk as Buffer).length;
      res.end(String(got));
    },
  });
  const down = await begin({ port: stand.port });
  await delay(300); // Long enough to fill every buffer on the way, if nothing held it back.
  assert.ok(sent < 24 * 1024 * 1024, `${sent} bytes were taken from the app though nobody read them`);
  let held = 0;
  let looked = 0;
  let got = 0;
  for await (const chunk of down) {
    got += (chunk as Buffer).length;
    if (got < looked + 8 * 1024 * 1024) continue;
    looked = got;
    collectGarbage();
    held = Math.max(held, process.memoryUsage().arrayBuffers);
  }
  assert.equal(got, size);
  assert.ok(held < 24 * 1024 * 1024, `${held} bytes were held on the way`);
  const up = request({ port: stand.port, host: '127.0.0.1', method: 'PUT', headers: { host: 'shop.localhost' } });
  Readable.from(pieces()).pipe(up);
  const [answer] = (await once(up, 'response')) as [IncomingMessage];
  assert.equal(Buffer.concat(await answer.toArray()).toString(), String(size));
});

test('thousands of tiny pieces reach a client that is slow, whole and in order', async () => {
  const count = 300_000;
  await using stand = await openStand({
    app: () => (req) => {
      const chunks = Array.from({ length: count }, (_, n) => `1\r\n${n % 10}\r\n`).join('');
      req.socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    },
  });
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on('warning', warned);
  const answer = await begin({ port: stand.port });
  await delay(100);
  let text = '';
  for await (const chunk of answer) text += chunk;
  process.off('warning', warned);
  assert.equal(text, '0123456789'.repeat(count / 10));
  assert.deepEqual(warnings, []);
});

test('a client that leaves breaks off its request and frees its place', async () => {
  const left = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (_req, res) => void res.once('close', left.resolve),
    limits: { softLimit: 1, maxInstances: 1 },
  });
  const client = new AbortController();
  const asked = ask({ port: stand.port, signal: client.signal }).catch(() => {});
  await until(() => stand.edge.instances()[0]?.requests === 1);
  client.abort();
  await asked;
  await left.promise;
  await until(() => stand.edge.instances()[0]?.requests === 0);
});

test('a client that leaves in the middle of its upload breaks it off at the app too', async () => {
  const broken = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (req) => {
      req.on('error', () => broken.resolve());
      req.resume();
    },
  });
  const up = request({ port: stand.port, host: '127.0.0.1', method: 'POST', headers: { host: 'shop.localhost' } });
  up.on('error', () => {});
  up.write('part');
  await until(() => stand.edge.instances()[0]?.requests === 1);
  up.destroy();
  await broken.promise;
  await until(() => stand.edge.instances()[0]?.requests === 0);
});
