import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../platform/log.ts';
import { type AccessEvent, AccessLog, type AccessParts } from '../../platform/logs/access.ts';
import { LogStore } from '../../platform/logs/store.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

const event = (rest: Partial<AccessEvent> = {}): AccessEvent => ({
  requestId: 'r1',
  instance: 'i1',
  method: 'GET',
  path: '/a',
  status: 200,
  ms: 12.345,
  bytes: 100,
  start: 'warm',
  code: undefined,
  traceId: TRACE,
  cut: false,
  ...rest,
});

async function stand(parts: Partial<AccessParts> = {}) {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const store = new LogStore(directory.path, 1024 * 1024);
  const access = stack.use(
    new AccessLog({
      store,
      appId: async (name) => (name === 'gone' ? undefined : `id-${name}`),
      log: silentLog(),
      clock: () => new Date('2026-01-02T03:04:05.678Z'),
      ...parts,
    }),
  );
  const all = stack.move();
  return { store, access, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

describe('access lines', () => {
  it('have the time, the place and what became of the request', async () => {
    await using one = await stand();
    one.access.add({ app: 'shop', deployment: 'd1' }, event());
    await one.access.flush();
    assert.deepEqual(await one.store.read('id-shop', {}, 10), [
      {
        time: '2026-01-02T03:04:05.678Z',
        instance: 'i1',
        deployment: 'd1',
        stream: 'request',
        level: 'info',
        requestId: 'r1',
        line: 'GET /a 200 12 ms warm',
        request: { method: 'GET', path: '/a', status: 200, ms: 12.3, bytes: 100, start: 'warm', traceId: TRACE },
      },
    ]);
  });

  it('are as bad as the answer was', async () => {
    await using one = await stand();
    const ends: Partial<AccessEvent>[] = [
      { status: 302 },
      { status: 404 },
      { status: 200, cut: true },
      { status: 500 },
      { status: 503, code: 'no_room', instance: undefined, start: undefined },
      { status: 499, code: 'cancelled', cut: true, instance: undefined, start: undefined },
    ];
    for (const end of ends) one.access.add({ app: 'shop', deployment: 'd1' }, event(end));
    await one.access.flush();
    const lines = await one.store.read('id-shop', {}, 10);
    assert.deepEqual(
      lines.map(({ level, line }) => `${level} ${line}`),
      [
        'info GET /a 302 12 ms warm',
        'warn GET /a 404 12 ms warm',
        'warn GET /a 200 12 ms warm cut off',
        'error GET /a 500 12 ms warm',
        'error GET /a 503 12 ms no_room',
        'warn GET /a 499 12 ms cancelled cut off',
      ],
    );
    assert.equal(lines[4]?.instance, null);
  });

  it('come by themselves, in order, each to its app; those of an app that is gone are dropped', async () => {
    await using one = await stand();
    for (const n of [1, 2]) {
      for (const app of ['a', 'gone', 'b']) {
        one.access.add({ app, deployment: 'd' }, event({ path: `/${app}${n}` }));
      }
    }
    const stop = new AbortController();
    const paths: unknown[] = [];
    for await (const { request } of one.store.follow('id-b', {}, 10, stop.signal)) {
      paths.push(request?.path);
      if (paths.length === 2) stop.abort();
    }
    assert.deepEqual(paths, ['/b1', '/b2']);
    assert.equal((await one.store.read('id-a', {}, 10)).length, 2);
    assert.deepEqual(await one.store.read('undefined', {}, 10), []);
  });

  it('are bounded while the disk does not take them, and nobody waits', async () => {
    const stuck = Promise.withResolvers<string>();
    await using one = await stand({ appId: () => stuck.promise });
    for (let n = 0; n < 12_000; n += 1) one.access.add({ app: 'a', deployment: 'd' }, event({ path: `/${n}` }));
    const written = one.access.flush();
    stuck.resolve('id');
    await written;
    const lines = await one.store.read('id', {}, 20_000);
    assert.ok(lines.length <= 10_000);
    assert.equal(lines.at(-1)?.request?.path, '/9999');
    one.access.add({ app: 'a', deployment: 'd' }, event({ path: '/after' }));
    await one.access[Symbol.asyncDispose]();
    assert.equal((await one.store.read('id', {}, 1))[0]?.request?.path, '/after');
  });

  it('of one app are lost alone when they cannot be written', async () => {
    await using one = await stand({
      appId: async (name) => {
        if (name === 'broken') throw new Error('the database is away');
        return name;
      },
    });
    for (const app of ['broken', 'fine']) one.access.add({ app, deployment: 'd' }, event());
    await one.access.flush();
    assert.equal((await one.store.read('fine', {}, 10)).length, 1);
  });
});
