import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ThawError } from '../../platform/errors.ts';
import { ask, begin, until } from './client.ts';
import { openStand, routeTo, startInstance } from './stand.ts';

const hello = () => (_req: unknown, res: { end(text: string): void }) => res.end('hello');

test('fifty requests at once to a sleeping app cause one thaw, and all are answered', async () => {
  await using stand = await openStand({ app: hello, beforeThaw: () => delay(50) });
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask({ port: stand.port })));
  assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${body}`))], ['200 hello']);
  assert.equal(stand.thawed.length, 1);
  const [first] = answers;
  assert.equal(first?.headers['x-thaw-start'], 'cold');
  assert.match(String(first?.headers['server-timing']), /^queue;dur=[\d.]+, thaw;dur=(?!0\.0)[\d.]+, app;dur=[\d.]+$/);
  const warm = await ask({ port: stand.port });
  assert.equal(warm.headers['x-thaw-start'], 'warm');
  assert.match(String(warm.headers['server-timing']), /thaw;dur=0\.0/);
});

test('an instance that went on from its own snapshot is called resumed', async () => {
  const server = createServer((_req, res) => res.end());
  const thaw = async () => ({ ...(await startInstance('own', server)), resumed: true });
  await using stand = await openStand({ app: hello, parts: { thaw, end: async () => void server.close() } });
  assert.equal((await ask({ port: stand.port })).headers['x-thaw-start'], 'resumed');
});

test('twenty sleeping apps woken at once each get their own instance and answer', async () => {
  await using stand = await openStand({ app: (instance) => (req, res) => res.end(`${req.headers.host} ${instance}`) });
  stand.table.replace(Array.from({ length: 20 }, (_, n) => routeTo(`app${n}`)));
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => ask({ port: stand.port, host: `app${n}.localhost` })),
  );
  for (const [n, { body }] of answers.entries()) assert.match(body, new RegExp(`^app${n}\\.localhost \\d+$`));
  assert.equal(new Set(answers.map(({ body }) => body.split(' ')[1])).size, 20);
});

test('a full queue is answered at once with 503 and when to try again', async () => {
  const thaw = Promise.withResolvers<void>();
  await using stand = await openStand({ app: hello, limits: { queue: 3 }, beforeThaw: () => thaw.promise });
  const waiting = Array.from({ length: 3 }, () => ask({ port: stand.port }));
  await until(() => stand.edge.waiting('d-shop') === 3);
  const refused = await ask({ port: stand.port });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal(JSON.parse(refused.body).error.code, 'no_room');
  thaw.resolve();
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
});

test('a thaw is broken off when the last client that waits for it leaves, and not before', async () => {
  await using stand = await openStand({
    app: hello,
    beforeThaw: (_attempt, signal) => delay(10_000, undefined, { signal }),
  });
  const first = new AbortController();
  const second = new AbortController();
  const asked = [first, second].map(({ signal }) => ask({ port: stand.port, signal }).catch(() => 'left'));
  await until(() => stand.edge.waiting('d-shop') === 2);
  first.abort();
  await until(() => stand.edge.waiting('d-shop') === 1);
  assert.equal(stand.aborted, 0);
  second.abort();
  await until(() => stand.aborted === 1);
  assert.deepEqual(await Promise.all(asked), ['left', 'left']);
  assert.equal(stand.edge.waiting('d-shop'), 0);
});

test('a request that comes after a thaw was broken off gets one of its own', async () => {
  await using stand = await openStand({
    app: hello,
    beforeThaw: (attempt, signal) => (attempt === 1 ? delay(10_000, undefined, { signal }) : Promise.resolve()),
  });
  const leaver = new AbortController();
  const left = ask({ port: stand.port, signal: leaver.signal }).catch(() => 'left');
  await until(() => stand.edge.waiting('d-shop') === 1);
  leaver.abort();
  await left;
  assert.equal((await ask({ port: stand.port })).body, 'hello');
});

test('a thaw that fails once is tried again and nobody notices', async () => {
  await using stand = await openStand({
    app: hello,
    beforeThaw: async (attempt) => {
      if (attempt === 1) throw new ThawError('thaw_failed', 'The VM did not come up.');
    },
  });
  assert.equal((await ask({ port: stand.port })).status, 200);
});

test('a thaw that fails twice fails all that wait, with its reason and nothing of the inside', async () => {
  let tries = 0;
  await using stand = await openStand({
    app: hello,
    beforeThaw: async () => {
      tries += 1;
      await delay(20);
      throw new ThawError('thaw_failed', 'The VM did not come up.', { cause: new Error('/var/lib/secret') });
    },
  });
  const answers = await Promise.all([1, 2, 3].map(() => ask({ port: stand.port })));
  for (const { status, body } of answers) {
    assert.equal(status, 503);
    assert.deepEqual(JSON.parse(body), { error: { code: 'thaw_failed', message: 'The VM did not come up.' } });
  }
  assert.equal(tries, 2);
});

test('what is no error of Thaw itself is told without its text', async () => {
  await using stand = await openStand({
    app: hello,
    beforeThaw: async () => {
      throw new Error('ENOENT /var/lib/secret');
    },
  });
  const { status, body } = await ask({ port: stand.port });
  assert.equal(status, 500);
  assert.doesNotMatch(body, /secret|ENOENT/);
});

test('whoever waits too long for a thaw is told 504', async () => {
  await using stand = await openStand({
    app: hello,
    limits: { wakeTimeoutMs: 50 },
    beforeThaw: (_attempt, signal) => delay(10_000, undefined, { signal }),
  });
  const { status, body } = await ask({ port: stand.port });
  assert.equal(status, 504);
  assert.equal(JSON.parse(body).error.code, 'timed_out');
  assert.equal(stand.aborted, 1);
});

test('whoever waits too long for a place is told 503', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => res.write('begun'),
    limits: { softLimit: 1, maxInstances: 1, wakeTimeoutMs: 80 },
  });
  const holder = await begin({ port: stand.port });
  const { status, body } = await ask({ port: stand.port });
  assert.equal(status, 503);
  assert.equal(JSON.parse(body).error.code, 'no_room');
  holder.destroy();
});

test('past the soft limit more instances are thawed, up to the most that are allowed', async () => {
  const hold = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: (instance) => (_req, res) => void hold.promise.then(() => res.end(String(instance))),
    limits: { softLimit: 2, maxInstances: 3 },
  });
  const answers = Array.from({ length: 8 }, () => ask({ port: stand.port }));
  const running = () => stand.edge.instances().reduce((sum, { requests }) => sum + requests, 0);
  await until(() => running() === 6 && stand.edge.waiting('d-shop') === 2);
  assert.equal(stand.thawed.length, 3);
  assert.deepEqual(
    stand.edge.instances().map(({ requests }) => requests),
    [2, 2, 2],
  );
  hold.resolve();
  for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
  assert.equal(stand.thawed.length, 3);
});

test('a queue that stands still gets another instance; one that moves does not', async () => {
  const holds: (() => void)[] = [];
  await using stand = await openStand({
    app: () => (_req, res) => void holds.push(() => res.end()),
    limits: { softLimit: 1, maxInstances: 4 },
    beforeThaw: () => delay(20),
  });
  const answers = Array.from({ length: 3 }, () => ask({ port: stand.port }));
  await until(() => holds.length === 1);
  assert.equal(stand.thawed.length, 1);
  await until(() => holds.length === 3);
  assert.equal(stand.thawed.length, 3);
  for (const release of holds) release();
  await Promise.all(answers);
});

test('a request goes to the least loaded instance', async () => {
  const holds: (() => void)[] = [];
  await using stand = await openStand({
    app: (instance) => (req, res) => {
      if (req.url === '/hold') holds.push(() => res.end());
      else res.end(String(instance));
    },
    limits: { softLimit: 2, maxInstances: 2 },
  });
  const held = Array.from({ length: 3 }, () => ask({ port: stand.port, path: '/hold' }));
  await until(() => holds.length === 3);
  const [fuller, emptier] = stand.edge.instances();
  assert.deepEqual([fuller?.requests, emptier?.requests], [2, 1]);
  assert.equal((await ask({ port: stand.port })).body, '2');
  for (const release of holds) release();
  await Promise.all(held);
});
