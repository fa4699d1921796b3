import assert from 'node:assert/strict';
import { appendFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { LogLine } from '../../platform/logs/contract.ts';
import { LogStore } from '../../platform/logs/store.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const line = (text: string): LogLine => ({
  time: '2026-01-02T03:04:05.678Z',
  instance: 'iaaaaaaaaaaaa',
  deployment: 'd1',
  stream: 'stdout',
  level: 'info',
  line: text,
});
const texts = (lines: LogLine[]) => lines.map((one) => one.line);

describe('the log store', () => {
  it('keeps lines in the order of the calls, and tells the last of them', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 1024 * 1024);
    await Promise.all(Array.from({ length: 20 }, (_, at) => store.append('a', [line(`${at}.0`), line(`${at}.1`)])));
    assert.deepEqual(texts(await store.read('a', {}, 3)), ['18.1', '19.0', '19.1']);
    assert.equal((await store.read('a', {}, 1000)).length, 40);
    assert.deepEqual(await store.read('a', {}, 0), []);
    assert.deepEqual(await store.read('another', {}, 10), []);
    assert.deepEqual((await store.read('a', {}, 1))[0], line('19.1'));
  });

  it('keeps apps apart, and removes one alone', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 1024 * 1024);
    await store.append('a', [line('of a')]);
    await store.append('b', [line('of b')]);
    await store.remove('a');
    assert.deepEqual(await store.read('a', {}, 10), []);
    assert.deepEqual(texts(await store.read('b', {}, 10)), ['of b']);
    await store.append('a', [line('late last words')]);
    assert.deepEqual(await store.read('a', {}, 10), [], 'an id does not come back');
    assert.deepEqual(await readdir(directory.path), ['b']);
  });

  it('never takes more room than it may, and keeps the newest', async () => {
    await using directory = await temporaryDirectory();
    const bound = 64 * 1024;
    const store = new LogStore(directory.path, bound);
    const long = 'x'.repeat(1000);
    for (let at = 0; at < 400; at += 1) await store.append('a', [line(`${at} ${long}`)]);
    const files = await readdir(join(directory.path, 'a'));
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(directory.path, 'a', name))).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(total <= bound + 4 * 2000, `${total} bytes`);
    assert.ok(total > bound / 2, `${total} bytes`);
    const kept = texts(await store.read('a', {}, 1000)).map((text) => Number.parseInt(text, 10));
    assert.equal(kept.at(-1), 399);
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, at) => 400 - kept.length + at),
      'none is missing',
    );
  });

  it('is read by a later server; a line that was cut short is left out and spoils no other', async () => {
    await using directory = await temporaryDirectory();
    await new LogStore(directory.path, 1024 * 1024).append('a', [line('before')]);
    await appendFile(join(directory.path, 'a', '0.ndjson'), '{"time":"2026-01-02T03:04:05.678Z","li');
    const later = new LogStore(directory.path, 1024 * 1024);
    assert.deepEqual(texts(await later.read('a', {}, 10)), ['before']);
    await later.append('a', [line('after')]);
    assert.deepEqual(texts(await later.read('a', {}, 10)), ['before', 'after']);
  });
});

describe('following', () => {
  /** Reads `count` lines, then stops. */
  const take = async (store: LogStore, tail: number, count: number, meanwhile = async () => {}) => {
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const one of store.follow('a', {}, tail, stop.signal)) {
      seen.push(one.line);
      if (seen.length === 1) await meanwhile();
      if (seen.length === count) stop.abort();
    }
    return seen;
  };

  it('tells the last lines, then each new one once, in order', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 1024 * 1024);
    await store.append('a', [line('1'), line('2'), line('3')]);
    const seen = await take(store, 2, 6, async () => {
      await store.append('a', [line('4'), line('4')]);
      await store.append('b', [line('of another')]);
      await store.append('a', [line('5'), line('6')]);
    });
    assert.deepEqual(seen, ['2', '3', '4', '4', '5', '6']);
  });

  it('loses and repeats nothing that is written while it begins', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 1024 * 1024);
    const writing = (async () => {
      for (let at = 0; at < 60; at += 1) await store.append('a', [line(String(at))]);
    })();
    const readers = await Promise.all([1, 2, 3, 5, 8].map((tail) => take(store, tail, 30)));
    await writing;
    for (const seen of readers) {
      const first = Number(seen[0]);
      assert.deepEqual(
        seen,
        Array.from({ length: 30 }, (_, at) => String(first + at)),
      );
    }
  });

  it('ends with its signal while it waits, and leaves no listener', async () => {
    await using directory = await temporaryDirectory();
    const store = new LogStore(directory.path, 1024 * 1024);
    const stop = new AbortController();
    const reading = Array.fromAsync(store.follow('a', {}, 10, stop.signal));
    await store.append('a', [line('one')]);
    setImmediate(() => stop.abort());
    assert.deepEqual(texts(await reading), ['one']);
    assert.deepEqual(await Array.fromAsync(store.follow('a', {}, 0, AbortSignal.abort())), []);
  });
});
