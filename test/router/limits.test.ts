import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { ThawError } from '../../platform/errors.ts';
import { RequestRate } from '../../router/rate.ts';
import { ask, until } from './client.ts';
import { openStand, routeTo, type Stand } from './stand.ts';

const hello = (instance: number) => (_req: unknown, res: { end(text: string): void }) => res.end(String(instance));
const ready = (stand: Stand) => stand.edge.instances().filter(({ state }) => state === 'ready').length;

/** An app whose answers wait to be let go. */
function holding() {
  const holds: (() => void)[] = [];
  const app = (instance: number) => (_req: unknown, res: { end(text: string): void }) => {
    holds.push(() => res.end(String(instance)));
  };
  return { app, holds };
}

test('past the soft limit another instance is thawed while requests go on, up to the hard limit', async () => {
  const { app, holds } = holding();
  const thaw = Promise.withResolvers<void>();
  await using stand = await openStand({
    app,
    limits: { softLimit: 2, hardLimit: 5, maxInstances: 2 },
    beforeThaw: (attempt) => (attempt === 1 ? Promise.resolve() : thaw.promise),
  });
  const answers = [1, 2].map(() => ask({ port: stand.port }));
  await until(() => holds.length === 2);
  assert.equal(stand.thawed.length, 1);
  for (let n = 3; n <= 6; n += 1) answers.push(ask({ port: stand.port }));
  // Three more are let in at once, while a second instance is on its way; the sixth waits.
  await until(() => holds.length === 5 && stand.edge.waiting('d-shop') === 1);
  assert.equal(stand.edge.instances()[0]?.requests, 5);
  thaw.resolve();
  await until(() => holds.length === 6);
  assert.deepEqual(
    stand.edge.instances().map(({ requests }) => requests),
    [5, 1],
  );
  for (const release of holds) release();
  for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
});

test('where no more instances can be had, all go where they may, and it is not tried for each', async () => {
  const { app, holds } = holding();
  let attempts = 0;
  await using stand = await openStand({
    app,
    limits: { softLimit: 1, hardLimit: 10, maxInstances: 4 },
    beforeThaw: async (attempt) => {
      attempts = attempt;
      if (attempt > 1) throw new ThawError('no_room', 'The machine is full.');
    },
  });
  const answers: Promise<unknown>[] = [];
  for (let n = 1; n <= 10; n += 1) {
    answers.push(ask({ port: stand.port }));
    await until(() => holds.length === n);
  }
  assert.equal(attempts, 2);
  for (const release of holds) release();
  await Promise.all(answers);
});

test('the least number of instances is made ahead and stays, however idle', async () => {
  await using stand = await openStand({ app: hello });
  const route = routeTo('shop', { minInstances: 2, idleMs: 20 });
  stand.table.replace([route]);
  stand.edge.keep(stand.table.kept());
  await until(() => ready(stand) === 2);
  await delay(100);
  assert.deepEqual(stand.ended, []);
  assert.equal((await ask({ port: stand.port })).headers['x-thaw-start'], 'warm');
  stand.edge.remove('i1');
  await until(() => stand.thawed.length === 2 && ready(stand) === 1);
});

test('what is more than the least number goes when it is idle', async () => {
  const { app, holds } = holding();
  await using stand = await openStand({ app });
  const limits = { minInstances: 1, softLimit: 1, maxInstances: 3, idleMs: 30 };
  stand.table.replace([routeTo('shop', limits)]);
  stand.edge.keep(stand.table.kept());
  const answers = [1, 2, 3].map(() => ask({ port: stand.port }));
  await until(() => holds.length === 3);
  for (const release of holds) release();
  await Promise.all(answers);
  await until(() => stand.ended.length === 2);
  await delay(80);
  assert.equal(ready(stand), 1);
});

test('an instance that ends is replaced; code that ends at once is given time', async () => {
  let clock = 0;
  await using stand = await openStand({ app: hello, parts: { now: () => clock + performance.now() } });
  stand.table.replace([routeTo('shop', { minInstances: 1 })]);
  stand.edge.keep(stand.table.kept());
  await until(() => ready(stand) === 1);
  clock += 120_000;
  stand.edge.remove('i1');
  await until(() => ready(stand) === 1);
  stand.edge.remove('i2');
  await delay(200);
  assert.deepEqual(stand.thawed, ['i1', 'i2']);
  await until(() => ready(stand) === 1);
  assert.deepEqual(stand.thawed, ['i1', 'i2', 'i3']);
});

test('a deployment that leaves the front keeps nothing up, and the next one has its instances', async () => {
  await using stand = await openStand({ app: hello });
  const limits = { minInstances: 2 };
  const change = (deployment: string) => {
    for (const left of stand.table.replace([{ ...routeTo('shop', limits), deployment }])) stand.edge.drain(left);
    stand.edge.keep(stand.table.kept());
  };
  change('d1');
  await until(() => ready(stand) === 2);
  change('d2');
  await until(() => stand.ended.length === 2 && ready(stand) === 2);
  assert.ok(stand.edge.instances().every(({ deployment }) => deployment === 'd2'));
});

test('a project sends as many requests a second as it may, over all its apps, and is told when to try again', async () => {
  await using stand = await openStand({ app: hello });
  const rateLimit = { requestsPerSecond: 1, burst: 3 };
  stand.table.replace([
    { ...routeTo('shop'), rateLimit },
    { ...routeTo('blog'), rateLimit },
    { ...routeTo('other'), project: 'another', rateLimit },
  ]);
  for (const host of ['shop.localhost', 'blog.localhost', 'shop.localhost']) {
    assert.equal((await ask({ port: stand.port, host })).status, 200);
  }
  const { status, headers, body } = await ask({ port: stand.port, host: 'blog.localhost' });
  assert.equal(status, 429);
  assert.equal(headers['x-thaw-limit'], 'requests-per-second');
  assert.equal(headers['retry-after'], '1');
  assert.equal(JSON.parse(body).error.code, 'quota_exceeded');
  const socket = new WebSocket(`ws://127.0.0.1:${stand.port}/`, { headers: { host: 'shop.localhost' } });
  const refused = await new Promise((resolve) => {
    socket.on('error', () => {}).on('unexpected-response', (_req, answer) => resolve(answer.statusCode));
  });
  assert.equal(refused, 429);
  assert.equal((await ask({ port: stand.port, host: 'other.localhost' })).status, 200);
});

test('a rate fills up again with time, to its burst and no further', () => {
  let now = 0;
  const rate = new RequestRate(() => now);
  const route = { project: 'p', rateLimit: { requestsPerSecond: 10, burst: 2 } };
  const counted = () => {
    for (let count = 0; ; count += 1) {
      try {
        rate.count(route);
      } catch (error) {
        return { count, retryAfterMs: (error as ThawError).retryAfterMs };
      }
    }
  };
  assert.deepEqual(counted(), { count: 2, retryAfterMs: 100 });
  now += 100;
  assert.deepEqual(counted(), { count: 1, retryAfterMs: 100 });
  now += 60_000;
  assert.equal(counted().count, 2);
  // Projects that have not been seen for long are forgotten; nobody notices.
  for (let n = 0; n < 5000; n += 1) rate.count({ ...route, project: `p${n}` });
  assert.equal(counted().count, 0);
});

test('a project that has all its instances waits for one, and is told which limit it was', async () => {
  const { app, holds } = holding();
  await using stand = await openStand({ app });
  const route = (label: string, project = 'default') => ({
    ...routeTo(label, { wakeTimeoutMs: 100 }),
    project,
    projectMost: { instances: 1 },
  });
  stand.table.replace([route('shop'), route('blog'), route('other', 'another')]);
  const first = ask({ port: stand.port });
  await until(() => holds.length === 1);
  const { status, headers, body } = await ask({ port: stand.port, host: 'blog.localhost' });
  assert.equal(status, 503);
  assert.equal(headers['x-thaw-limit'], 'instances');
  assert.equal(headers['retry-after'], '1');
  assert.equal(JSON.parse(body).error.code, 'no_room');
  const other = ask({ port: stand.port, host: 'other.localhost' });
  await until(() => holds.length === 2);
  for (const release of holds) release();
  await Promise.all([first, other]);
});

for (const [limit, most] of [
  ['memory', { memoryMiB: 700 }],
  ['cpus', { cpus: 1.2 }],
] as const) {
  test(`a project that has used up its ${limit} waits for one of its instances, and is told`, async () => {
    const { app, holds } = holding();
    await using stand = await openStand({ app });
    const route = (label: string, of: { memoryMiB: number; cpus: number }) => ({
      ...routeTo(label, { wakeTimeoutMs: 100 }),
      takes: { instances: 1, ...of },
      projectMost: most,
    });
    const small = { memoryMiB: 200, cpus: 0.2 };
    const usual = { memoryMiB: 400, cpus: 1 };
    stand.table.replace([
      route('shop', usual),
      route('blog', usual),
      route('tiny', small),
      route('huge', { memoryMiB: 800, cpus: 2 }),
    ]);
    const first = ask({ port: stand.port });
    await until(() => holds.length === 1);
    const refused = await ask({ port: stand.port, host: 'blog.localhost' });
    assert.deepEqual([refused.status, refused.headers['x-thaw-limit']], [503, limit]);
    const beside = ask({ port: stand.port, host: 'tiny.localhost' });
    await until(() => holds.length === 2);
    for (const release of holds.splice(0)) release();
    assert.deepEqual([(await first).status, (await beside).status], [200, 200]);
    // Both are idle: they go, for this one fits alone.
    const later = ask({ port: stand.port, host: 'blog.localhost' });
    await until(() => holds.length === 1);
    holds[0]?.();
    assert.equal((await later).status, 200);
    const never = await ask({ port: stand.port, host: 'huge.localhost' });
    assert.deepEqual([never.status, never.headers['x-thaw-limit']], [503, limit]);
    assert.match(JSON.parse(never.body).error.message, /An instance of huge takes/);
  });
}

test('an idle instance of the same project makes room for an app that waits', async () => {
  await using stand = await openStand({ app: hello });
  const route = (label: string, limits = {}) => ({ ...routeTo(label, limits), projectMost: { instances: 1 } });
  stand.table.replace([route('shop'), route('blog'), route('live', { sleep: 'freeze' })]);
  assert.equal((await ask({ port: stand.port })).body, '1');
  assert.equal((await ask({ port: stand.port, host: 'blog.localhost' })).body, '2');
  assert.deepEqual(stand.ended, ['i1']);
  assert.equal((await ask({ port: stand.port, host: 'live.localhost' })).body, '3');
  assert.equal((await ask({ port: stand.port })).body, '4');
  assert.deepEqual([stand.ended, stand.slept], [['i1', 'i2'], ['i3']]);
});

test('an instance that becomes idle while another app of its project waits goes at once', async () => {
  const { app, holds } = holding();
  await using stand = await openStand({ app });
  const route = (label: string) => ({ ...routeTo(label), projectMost: { instances: 1 } });
  stand.table.replace([route('shop'), route('blog')]);
  const first = ask({ port: stand.port });
  await until(() => holds.length === 1);
  const second = ask({ port: stand.port, host: 'blog.localhost' });
  await until(() => stand.edge.waiting('d-blog') === 1);
  holds[0]?.();
  await until(() => holds.length === 2);
  holds[1]?.();
  assert.deepEqual([(await first).body, (await second).body], ['1', '2']);
});

test('a message to a sleeping instance waits for its project to have room', async () => {
  const { app, holds } = holding();
  await using stand = await openStand({
    app,
    prepare: (server) =>
      new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', () => socket.send('heard'))),
  });
  const route = (label: string) => ({
    ...routeTo(label, { sleep: 'freeze', idleMs: 30 }),
    projectMost: { instances: 1 },
  });
  stand.table.replace([route('shop'), route('blog')]);
  const socket = new WebSocket(`ws://127.0.0.1:${stand.port}/`, { headers: { host: 'shop.localhost' } });
  await until(() => stand.slept.length === 1);
  const busy = ask({ port: stand.port, host: 'blog.localhost' });
  await until(() => holds.length === 1);
  const heard = new Promise((resolve) => socket.on('message', (data) => resolve(String(data))));
  socket.send('anyone?');
  await delay(80);
  assert.deepEqual(stand.woken, []);
  holds[0]?.();
  assert.equal((await busy).status, 200);
  assert.equal(await heard, 'heard');
  socket.terminate();
});
