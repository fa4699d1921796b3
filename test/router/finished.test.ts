import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { ThawError } from '../../platform/errors.ts';
import type { Finished } from '../../router/parts.ts';
import { ask, begin, readAll, until } from './client.ts';
import { openStand, routeTo, type StandOptions } from './stand.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const TRACE = `00-${TRACE_ID}-b7ad6b7169203331-01`;
/** What the edge of these tests makes. */
const MADE_TRACE = '11111111111111111111111111111111';
const MADE = `00-${MADE_TRACE}-2222222222222222-01`;

/** A stand that keeps what it is told of finished requests. */
async function openTold(options: StandOptions) {
  const told: Finished[] = [];
  const parts = { finished: (one: Finished) => void told.push(one), newTraceparent: () => MADE, ...options.parts };
  const stand = await openStand({ ...options, parts });
  const next = async (count = 1) => {
    await until(() => told.length >= count);
    return told[count - 1] as Finished;
  };
  return { stand, told, next, [Symbol.asyncDispose]: () => stand[Symbol.asyncDispose]() };
}

const hello: StandOptions['app'] = () => (_req, res) => res.end('hello');

test('a request is told of once it is over: what it was, where it went, what came of it', async () => {
  await using edge = await openTold({ app: hello, beforeThaw: () => delay(20) });
  const headers = { 'x-request-id': 'mine-1' };
  const { body } = await ask({ port: edge.stand.port, path: '/a/b?token=secret', method: 'POST', body: 'x', headers });
  assert.equal(body, 'hello');
  const { ms, answeredMs, bytes, route, ...rest } = await edge.next();
  assert.deepEqual(rest, {
    requestId: 'mine-1',
    traceId: MADE_TRACE,
    method: 'POST',
    path: '/a/b',
    status: 200,
    code: undefined,
    cut: false,
    instance: 'i1',
    start: 'cold',
  });
  assert.equal(route?.app, 'shop');
  assert.equal(route?.deployment, 'd-shop');
  assert.ok(answeredMs !== undefined && answeredMs >= 20 && answeredMs <= ms, `${answeredMs} of ${ms}`);
  assert.ok(bytes > 'hello'.length + 100 && bytes < 1000, `${bytes} bytes`);
  await ask({ port: edge.stand.port });
  assert.equal((await edge.next(2)).start, 'warm');
});

test('bytes are those of each answer, on a kept connection too', async () => {
  await using edge = await openTold({
    app: () => (req, res) => res.end('x'.repeat(Number(req.url?.slice(1)))),
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (const size of [0, 100_000, 10]) await ask({ port: edge.stand.port, path: `/${size}`, agent });
  agent.destroy();
  await edge.next(3);
  const [none = 0, many = 0, few = 0] = edge.told.map(({ bytes }) => bytes);
  assert.ok(none > 100 && none < 500, `${none}`);
  assert.ok(many > 100_000 && many < 101_000, `${many}`);
  assert.ok(few > 100 && few < 500, `${few}`);
});

test('what the edge answers itself is told of with its code', async () => {
  await using edge = await openTold({
    app: hello,
    beforeThaw: async () => {
      throw new ThawError('no_room', 'Full.');
    },
  });
  await ask({ port: edge.stand.port, path: '/x' });
  const refused = await edge.next();
  assert.deepEqual(
    { ...refused, route: refused.route?.app, ms: 0, answeredMs: 0, bytes: 0, requestId: '' },
    {
      route: 'shop',
      requestId: '',
      traceId: MADE_TRACE,
      method: 'GET',
      path: '/x',
      status: 503,
      code: 'no_room',
      cut: false,
      instance: undefined,
      start: undefined,
      bytes: 0,
      answeredMs: 0,
      ms: 0,
    },
  );
  assert.notEqual(refused.answeredMs, undefined);
});

test('an app that breaks is 502, one that is silent 504, one too many for its project 429', async () => {
  await using edge = await openTold({
    app: () => (req, res) => {
      if (req.url === '/break') res.socket?.destroy();
    },
    limits: { responseTimeoutMs: 50 },
  });
  await ask({ port: edge.stand.port, path: '/break', method: 'POST' });
  await ask({ port: edge.stand.port, path: '/silent' });
  edge.stand.table.replace([{ ...routeTo('shop'), rateLimit: { requestsPerSecond: 0.001, burst: 1 } }]);
  await ask({ port: edge.stand.port, path: '/break', method: 'POST' });
  await ask({ port: edge.stand.port, path: '/many' });
  await edge.next(4);
  assert.deepEqual(
    edge.told.map(({ status, code, route }) => [status, code, route?.app]),
    [
      [502, 'app_crashed', 'shop'],
      [504, 'timed_out', 'shop'],
      [502, 'app_crashed', 'shop'],
      [429, 'quota_exceeded', 'shop'],
    ],
  );
});

test('a request that names no app has no route', async () => {
  await using edge = await openTold({ app: hello });
  await ask({ port: edge.stand.port, host: 'nobody.localhost' });
  const { route, status, code, start } = await edge.next();
  assert.deepEqual(
    { route, status, code, start },
    { route: undefined, status: 404, code: 'not_found', start: undefined },
  );
});

test('a client that leaves before the answer is 499; one that leaves in it was cut off', async () => {
  const reached = Promise.withResolvers<void>();
  await using edge = await openTold({
    app: () => (req, res) => {
      if (req.url === '/wait') reached.resolve();
      else res.write('begun');
    },
  });
  const client = new AbortController();
  const asked = ask({ port: edge.stand.port, path: '/wait', signal: client.signal }).catch(() => 'left');
  await reached.promise;
  client.abort();
  await asked;
  const left = await edge.next();
  assert.deepEqual([left.status, left.code, left.cut, left.answeredMs], [499, 'cancelled', true, undefined]);
  const answer = await begin({ port: edge.stand.port, path: '/begun' });
  answer.destroy();
  const cut = await edge.next(2);
  assert.deepEqual([cut.status, cut.code, cut.cut, cut.instance], [200, undefined, true, 'i1']);
});

test('an instance that dies in its answer cuts it off', async () => {
  await using edge = await openTold({ app: () => (_req, res) => res.write('begun') });
  const answer = await begin({ port: edge.stand.port });
  answer.on('error', () => {}); // Its 'close' follows.
  const closed = new Promise((resolve) => answer.once('close', resolve));
  await edge.stand.crash('i1');
  await closed;
  assert.deepEqual([(await edge.next()).status, edge.told[0]?.cut], [200, true]);
});

test('a WebSocket is told of when it closes, with all that was sent to its client', async () => {
  await using edge = await openTold({
    app: hello,
    prepare: (server) => {
      new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    },
  });
  const socket = new WebSocket(`ws://127.0.0.1:${edge.stand.port}/ws?x=1`, { headers: { host: 'shop.localhost' } });
  await once(socket, 'open');
  socket.send('x'.repeat(50_000));
  await once(socket, 'message');
  assert.equal(edge.told.length, 0);
  socket.close();
  const { status, start, path, bytes, cut, code, answeredMs, ms } = await edge.next();
  assert.deepEqual(
    { status, start, path, cut, code },
    { status: 101, start: 'cold', path: '/ws', cut: false, code: undefined },
  );
  assert.ok(bytes > 50_000 && bytes < 51_000, `${bytes}`);
  assert.ok(answeredMs !== undefined && answeredMs <= ms);
});

test('an upgrade that is refused is told of as any request', async () => {
  await using edge = await openTold({ app: hello });
  const socket = await edge.stand.dial();
  socket.write('GET /no HTTP/1.1\r\nhost: nobody.localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await readAll(socket);
  const { status, code, cut } = await edge.next();
  assert.deepEqual({ status, code, cut }, { status: 404, code: 'not_found', cut: false });
});

test('a listener that throws breaks no answer', async () => {
  await using stand = await openStand({
    app: hello,
    parts: {
      finished: () => {
        throw new Error('on purpose');
      },
    },
  });
  for (const _ of [1, 2]) assert.equal((await ask({ port: stand.port })).body, 'hello');
});

const echoTrace: StandOptions['app'] = () => (req, res) =>
  res.end(JSON.stringify([req.headers.traceparent ?? null, req.headers.tracestate ?? null]));

test('a valid trace context goes on as it came, and its trace is told', async () => {
  await using edge = await openTold({ app: echoTrace });
  const later = TRACE.replace('00-', 'cc-');
  const given = [TRACE, TRACE.replace(/01$/, '00'), later, `${later}-more`];
  for (const [n, traceparent] of given.entries()) {
    // Naming it in `Connection` does not take it away.
    const headers = { traceparent, tracestate: 'a=1,b=2', connection: 'close, traceparent, tracestate' };
    const { body } = await ask({ port: edge.stand.port, headers });
    assert.deepEqual(JSON.parse(body), [traceparent, 'a=1,b=2']);
    assert.equal((await edge.next(n + 1)).traceId, TRACE_ID);
  }
});

test('a request without a valid trace context gets one, in place of all that it said of one', async () => {
  await using edge = await openTold({ app: echoTrace });
  const given = [
    undefined,
    `${TRACE}-more`,
    TRACE.replace('00-', 'ff-'),
    TRACE.toUpperCase(),
    TRACE.replace(/-0af7\w+/, `-${'0'.repeat(32)}`),
    TRACE.replace(/-b7ad\w+/, `-${'0'.repeat(16)}`),
    `${TRACE}0`,
    `${TRACE}, ${TRACE}`,
    'nonsense',
  ];
  for (const [n, traceparent] of given.entries()) {
    const headers = { tracestate: 'a=1', ...(traceparent === undefined ? {} : { traceparent }) };
    const { body } = await ask({ port: edge.stand.port, headers });
    assert.deepEqual(JSON.parse(body), [MADE, null], String(traceparent));
    assert.equal((await edge.next(n + 1)).traceId, MADE_TRACE);
  }
});

test('each trace that is made is a new and valid one', async () => {
  const told: Finished[] = [];
  await using stand = await openStand({ app: echoTrace, parts: { finished: (one) => void told.push(one) } });
  const made = new Set<string>();
  for (const n of [1, 2, 3]) {
    const { body } = await ask({ port: stand.port });
    const [, trace = ''] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec((JSON.parse(body) as string[])[0] ?? '') ?? [];
    await until(() => told.length === n);
    assert.equal(told[n - 1]?.traceId, trace);
    made.add(trace);
  }
  assert.equal(made.size, 3);
});

test('the queues that requests wait in are told by app', async () => {
  const thaw = Promise.withResolvers<void>();
  await using edge = await openTold({ app: hello, beforeThaw: () => thaw.promise });
  assert.deepEqual(edge.stand.edge.queues(), []);
  const asked = [1, 2].map(() => ask({ port: edge.stand.port }));
  await until(() => edge.stand.edge.waiting('d-shop') === 2);
  assert.deepEqual(edge.stand.edge.queues(), [{ app: 'shop', deployment: 'd-shop', waiting: 2 }]);
  thaw.resolve();
  await Promise.all(asked);
  assert.deepEqual(edge.stand.edge.queues(), []);
});
