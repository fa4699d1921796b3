import assert from 'node:assert/strict';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LogLine, LogQuery } from '../../platform/logs/contract.ts';
import { LogStore } from '../../platform/logs/store.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString();

const line = (second: number, text: string, rest: Partial<LogLine> = {}): LogLine => ({
  time: at(second),
  instance: 'i1',
  deployment: 'd1',
  stream: 'stdout',
  level: 'info',
  line: text,
  ...rest,
});

describe('searching a log', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let store: LogStore;
  const found = async (query: LogQuery, limit = 100) => (await store.read('a', query, limit)).map(({ line }) => line);

  before(async () => {
    directory = await temporaryDirectory();
    store = new LogStore(directory.path, 1024 * 1024);
    await store.append('a', [
      line(1, 'Starting'),
      line(2, 'slow query', { level: 'warn', deployment: 'd2' }),
      line(3, 'Straße "zu"', { stream: 'stderr', level: 'error', instance: 'i2' }),
      line(5, '{"msg":"mine"}', { requestId: 'r-7' }),
    ]);
    const request = { method: 'GET', path: '/r', status: 503, ms: 4.5, bytes: 120, code: 'no_room' };
    await store.append('a', [
      line(4, '', { stream: 'request', level: 'error', instance: null, requestId: 'r-7', request }),
    ]);
  });
  after(() => directory[Symbol.asyncDispose]());

  it('finds by time: from a moment on, before another; oldest first, in whatever order lines were written', async () => {
    assert.deepEqual(await found({}), [
      'Starting',
      'slow query',
      'Straße "zu"',
      'GET /r 503 5 ms no_room',
      '{"msg":"mine"}',
    ]);
    assert.deepEqual(await found({ since: at(3), until: at(5) }), ['Straße "zu"', 'GET /r 503 5 ms no_room']);
    assert.deepEqual(await found({ since: at(6) }), []);
    assert.deepEqual(await found({ until: at(1) }), []);
  });

  it('finds what is this bad or worse, and text whatever its case', async () => {
    assert.equal((await found({ level: 'info' })).length, 5);
    assert.deepEqual(await found({ level: 'warn', until: at(4) }), ['slow query', 'Straße "zu"']);
    assert.deepEqual(await found({ level: 'error' }), ['Straße "zu"', 'GET /r 503 5 ms no_room']);
    assert.deepEqual(await found({ text: 'STRASSE' }), []);
    assert.deepEqual(await found({ text: 'STRAßE "Z' }), ['Straße "zu"']);
    assert.deepEqual(await found({ text: 'get /R 503' }), ['GET /r 503 5 ms no_room']);
  });

  it('finds by deployment, instance, stream and request', async () => {
    assert.deepEqual(await found({ deployment: 'd2' }), ['slow query']);
    assert.deepEqual(await found({ instance: 'i2' }), ['Straße "zu"']);
    assert.deepEqual(await found({ stream: 'request' }), ['GET /r 503 5 ms no_room']);
    assert.deepEqual(await found({ requestId: 'r-7' }), ['GET /r 503 5 ms no_room', '{"msg":"mine"}']);
    assert.deepEqual(await found({ requestId: 'r-7', stream: 'stdout' }), ['{"msg":"mine"}']);
    assert.deepEqual(await found({ requestId: 'r' }), []);
  });

  it('tells the newest ones that match, up to the limit', async () => {
    assert.deepEqual(await found({ stream: 'stdout' }, 2), ['slow query', '{"msg":"mine"}']);
    assert.deepEqual(await found({}, 0), []);
  });

  it('gives a request back as it was', async () => {
    const [request] = await store.read('a', { stream: 'request' }, 1);
    assert.deepEqual(request, {
      time: at(4),
      instance: null,
      deployment: 'd1',
      stream: 'request',
      level: 'error',
      requestId: 'r-7',
      line: 'GET /r 503 5 ms no_room',
      request: { method: 'GET', path: '/r', status: 503, ms: 4.5, bytes: 120, code: 'no_room' },
    });
  });

  it('follows with the same filters', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const one of store.follow('a', { level: 'error', text: 'z' }, 10, stop.signal)) {
      seen.push(one.line);
      if (seen.length === 2) stop.abort();
      else
        await store.append('a', [
          line(7, 'zero'),
          line(8, 'one', { level: 'error' }),
          line(9, 'Z', { level: 'error' }),
        ]);
    }
    assert.deepEqual(seen, ['Straße "zu"', 'Z']);
  });
});

describe('long logs', () => {
  it('are searched whole: lines of every length, over the edges of what is read at once and of files', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 4 * 1024 * 1024);
    const texts = Array.from({ length: 400 }, (_, n) => `${n} ${'ü€x'.repeat((n * 7919) % 3000)}`);
    for (let from = 0; from < texts.length; from += 50) {
      await store.append(
        'a',
        texts.slice(from, from + 50).map((text) => line(0, text)),
      );
    }
    const all = await store.read('a', {}, 10_000);
    assert.ok(all.length > 200);
    assert.deepEqual(
      all.map((one) => one.line),
      texts.slice(-all.length),
    );
  });

  it('are written in pieces, so that one large group stays within the bound as well', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 64 * 1024);
    await store.append(
      'a',
      Array.from({ length: 2000 }, (_, n) => line(0, `${n} ${'x'.repeat(100)}`)),
    );
    const kept = await store.read('a', {}, 10_000);
    assert.ok(kept.length > 200 && kept.length < 400, `${kept.length} lines`);
    assert.match(kept.at(-1)?.line ?? '', /^1999 /);
  });

  it('of which files are old are not read for what is newer', async () => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'a'));
    const old = join(directory.path, 'a', '0.ndjson');
    await writeFile(old, `${JSON.stringify(line(30, 'its time says otherwise'))}\n`);
    await utimes(old, new Date(at(0)), new Date(at(0)));
    const store = new LogStore(directory.path, 1024 * 1024);
    assert.equal((await store.read('a', { since: at(20) }, 10)).length, 1, 'clocks may differ a little');
    const longAgo = new Date('2025-12-31T00:00:00Z');
    await utimes(old, longAgo, longAgo);
    assert.deepEqual(await store.read('a', { since: at(20) }, 10), []);
    assert.equal((await store.read('a', {}, 10)).length, 1);
  });
});

describe('a log of an older server', () => {
  it('is read as before; its levels are what its lines say', async () => {
    await using directory = await temporaryDirectory();
    const old = { time: at(1), instance: 'i1', deployment: 'd1' };
    const stored = [
      { ...old, stream: 'stdout', line: 'hello' },
      { ...old, stream: 'stderr', line: 'oh' },
      { ...old, stream: 'stdout', line: '{"level":40,"reqId":"r1"}' },
    ];
    await mkdir(join(directory.path, 'a'));
    await writeFile(join(directory.path, 'a', '3.ndjson'), stored.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const store = new LogStore(directory.path, 1024 * 1024);
    const lines = await store.read('a', {}, 10);
    assert.deepEqual(lines, [
      { ...stored[0], level: 'info' },
      { ...stored[1], level: 'error' },
      { ...stored[2], level: 'warn', requestId: 'r1' },
    ]);
    assert.equal((await store.read('a', { level: 'warn' }, 10)).length, 2);
  });
});
