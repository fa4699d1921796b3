import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Thaw, ThawApiError } from 'thaw/sdk';
import { listen } from './listener.ts';

/** Tar bytes without end, and whether their reader let go of them. */
function endless(): { bytes: AsyncGenerator<Uint8Array>; released: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* make(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(64 * 1024);
    } finally {
      resolve();
    }
  }
  return { bytes: make(), released: promise };
}

test('an address that is no http URL is refused at once', () => {
  for (const url of ['', 'nonsense', 'localhost:7070', 'ftp://127.0.0.1']) {
    assert.throws(() => new Thaw({ url }), { name: 'ThawApiError', code: 'invalid_input', status: 0 });
  }
});

test('nobody answering is unreachable', async () => {
  const thaw = new Thaw({ url: 'http://127.0.0.1:1' });
  await assert.rejects(thaw.apps.list(), { code: 'unreachable', status: 0, message: /http:\/\/127\.0\.0\.1:1/ });
});

test('sends the key, keeps a path before the API, and encodes names', async () => {
  const seen: unknown[] = [];
  await using server = await listen((request, response) => {
    seen.push([request.method, request.url, request.headers.authorization]);
    response.writeHead(204).end();
  });
  const thaw = new Thaw({ url: `${server.url}/behind/`, apiKey: 'thw_x' });
  await thaw.apps.remove('a/b?c');
  await thaw.keys.revoke('k1');
  assert.deepEqual(seen, [
    ['DELETE', '/behind/v1/apps/a%2Fb%3Fc', 'Bearer thw_x'],
    ['DELETE', '/behind/v1/keys/k1', 'Bearer thw_x'],
  ]);
});

test('a name that would move the path is refused before anything is sent', async () => {
  const thaw = new Thaw({ url: 'http://127.0.0.1:1' });
  for (const name of ['', '.', '..']) {
    await assert.rejects(thaw.apps.remove(name), { code: 'invalid_input', status: 0 });
  }
});

test('an error body becomes a ThawApiError with code, hint, status and request id', async () => {
  await using server = await listen((_, response) => {
    response.writeHead(404, { 'x-request-id': 'r1' });
    response.end('{"error":{"code":"not_found","message":"No app x.","hint":"List them."}}');
  });
  const failure = await new Thaw({ url: server.url }).apps.get('x').catch((error: unknown) => error);
  assert.ok(failure instanceof ThawApiError);
  const { code, message, hint, status, requestId } = failure;
  assert.deepEqual(
    { code, message, hint, status, requestId },
    { code: 'not_found', message: 'No app x.', hint: 'List them.', status: 404, requestId: 'r1' },
  );
});

test('what is no Thaw server is told apart, whether it refuses or agrees', async () => {
  await using server = await listen((request, response) => {
    response.writeHead(request.url === '/v1/apps' ? 502 : 200).end('<html>');
  });
  const thaw = new Thaw({ url: server.url });
  await assert.rejects(thaw.apps.list(), { code: 'broken_answer', status: 502 });
  await assert.rejects(thaw.keys.list(), { code: 'broken_answer', status: 200 });
});

test('a call that takes too long ends as timed_out', async () => {
  await using server = await listen(() => undefined);
  const thaw = new Thaw({ url: server.url, timeoutMs: 20 });
  await assert.rejects(thaw.apps.list(), { code: 'timed_out' });
});

test("a caller's signal ends a call with its own reason", async () => {
  const reason = new Error('enough');
  const ending = new AbortController();
  await using server = await listen(() => ending.abort(reason));
  await assert.rejects(new Thaw({ url: server.url }).apps.list({ signal: ending.signal }), reason);
  await assert.rejects(new Thaw({ url: server.url, signal: ending.signal }).apps.list(), reason);
});

test('values of a stream come as they are sent, over any split, and empty lines are no values', async () => {
  const go = Promise.withResolvers<void>();
  await using server = await listen(async (_, response) => {
    response.write('\n{"line":"é'.slice(0, -1));
    response.write(Buffer.from([0xc3]));
    response.write(Buffer.from([0xa9]));
    response.write('"}\n\n{"line":"b"}\n');
    await go.promise;
    response.end('{"line":"end without newline"}');
  });
  const seen: string[] = [];
  for await (const { line } of new Thaw({ url: server.url }).logs.read('a', { follow: true })) {
    seen.push(line);
    if (line === 'b') go.resolve();
  }
  assert.deepEqual(seen, ['é', 'b', 'end without newline']);
});

test('leaving a stream, or aborting it, ends the request', async () => {
  const closes: Promise<unknown>[] = [];
  await using server = await listen((_, response) => {
    closes.push(once(response, 'close'));
    response.write('{"line":"a"}\n');
  });
  const thaw = new Thaw({ url: server.url });
  for await (const _ of thaw.logs.read('a')) break;
  const ending = new AbortController();
  const reason = new Error('enough');
  const reading = Array.fromAsync(thaw.logs.read('a', { signal: ending.signal }), () => ending.abort(reason));
  await assert.rejects(reading, reason);
  await Promise.all(closes);
  assert.equal(closes.length, 2);
});

test('a stream that breaks off is unreachable, not a short result', async () => {
  await using server = await listen((_, response) => {
    response.write('{"line":"a"}\n', () => response.destroy());
  });
  await assert.rejects(Array.fromAsync(new Thaw({ url: server.url }).logs.read('a')), { code: 'unreachable' });
});

test('a refused deployment is told although its bytes were still being sent, and their source is let go', async () => {
  await using server = await listen((_, response) => {
    response.writeHead(401, { connection: 'close' }).end('{"error":{"code":"unauthenticated","message":"No."}}');
  });
  const { bytes, released } = endless();
  await assert.rejects(new Thaw({ url: server.url }).deployments.deploy('a', bytes), { code: 'unauthenticated' });
  await released;
});

test('a deployment that fails while its bytes are being sent says why, and their source is let go', async () => {
  await using server = await listen((request, response) => {
    request.once('data', () => {
      response.write('{"type":"line","text":"reading"}\n');
      response.end('{"type":"failed","error":{"code":"too_large","message":"Too large.","hint":"Less."}}\n');
    });
  });
  const { bytes, released } = endless();
  const lines: string[] = [];
  const deploying = new Thaw({ url: server.url }).deployments.deploy('a', bytes, {
    onLine: (text) => lines.push(text),
  });
  await assert.rejects(deploying, { code: 'too_large', message: 'Too large.', hint: 'Less.', status: 200 });
  assert.deepEqual(lines, ['reading']);
  await released;
});

test('when the source of a deployment fails, its own error is thrown and the request is cut off', async () => {
  const cut = Promise.withResolvers<void>();
  await using server = await listen((request) => {
    request.resume().once('close', () => {
      if (!request.complete) cut.resolve();
    });
  });
  const broken = new Error('disk on fire');
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1024);
    throw broken;
  }
  await assert.rejects(new Thaw({ url: server.url }).deployments.deploy('a', bytes()), broken);
  await cut.promise;
});

test('a deployment without an outcome is an error', async () => {
  await using server = await listen((request, response) => {
    request.resume().once('end', () => response.end('{"type":"line","text":"reading"}\n'));
  });
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1024);
  }
  await assert.rejects(new Thaw({ url: server.url }).deployments.deploy('a', bytes()), { code: 'broken_answer' });
});
