import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { BucketStore } from '../../platform/databases/backups/s3/bucket.ts';
import type { BucketPlace } from '../../platform/databases/backups/s3/place.ts';
import { type ObjectStore, startObjectStore } from '../fixtures/object-store.ts';

const { signal } = new AbortController();
const MIB = 1024 * 1024;

const put = (store: BucketStore, path: string, ...chunks: Uint8Array[]) =>
  store.put(
    path,
    {
      bytes: sum(chunks),
      content: async function* () {
        yield* chunks;
      },
    },
    signal,
  );
const get = async (store: BucketStore, path: string) => Buffer.concat(await Array.fromAsync(store.get(path, signal)));
const text = (value: string) => Buffer.from(value);
const sum = (chunks: Uint8Array[]) => chunks.reduce((total, { byteLength }) => total + byteLength, 0);

/** What a connection through the proxy meets: nothing, an answer of the proxy's own, or its end after so many bytes. */
type Fate = { answer: string } | { after: number; of: 'request' | 'answer' } | undefined;

/** Stands between a client and the store, and breaks what it is told to, one fate for each connection. */
async function breaking({ host, port }: ObjectStore['address'], fates: Fate[]) {
  const open = new Set<Socket>();
  let met = 0;
  const server = createServer((client) => {
    const fate = fates[met];
    met += 1;
    const upstream = connect(port, host);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => {
          open.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    if (fate !== undefined && 'answer' in fate) {
      client.once('data', () => client.end(fate.answer));
      return;
    }
    const watched = fate?.of === 'answer' ? upstream : client;
    let seen = 0;
    watched.on('data', (chunk) => {
      seen += chunk.length;
      if (fate !== undefined && seen > fate.after) client.resetAndDestroy();
    });
    client.pipe(upstream);
    upstream.pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get met() {
      return met;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const answering = (status: string, code: string) => {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;
  return { answer: `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}` };
};

describe('backups in a bucket', () => {
  let objects: ObjectStore;
  let place: BucketPlace;
  before(async () => {
    objects = await startObjectStore();
    place = await objects.bucket('backups', 'of this/server/');
  });
  after(() => objects[Symbol.asyncDispose]());

  test('what is put can be listed, read and removed, and is another’s with another prefix', async () => {
    const store = new BucketStore(place);
    const other = new BucketStore({ ...place, prefix: 'of another/' });
    await put(store, 'one/a.info', text('first'));
    await put(store, 'one/a.info', text('sec'), text('ond'));
    await put(store, 'one/deep/er/file', text(''));
    await put(store, 'oneself/b', text('b'));
    await put(other, 'one/a.info', text('other'));
    assert.deepEqual(Object.fromEntries(await store.list('one', signal)), {
      'a.info': { bytes: 6 },
      'deep/er/file': { bytes: 0 },
    });
    assert.equal(String(await get(store, 'one/a.info')), 'second');
    assert.equal(String(await get(store, 'one/deep/er/file')), '');
    assert.equal(String(await get(other, 'one/a.info')), 'other');
    await store.remove(['one/a.info', 'one/deep/er/file', 'one/never-there'], signal);
    assert.equal((await store.list('one', signal)).size, 0);
    await assert.rejects(get(store, 'one/a.info'), { code: 'not_found' });
    assert.equal((await store.list('nothing', signal)).size, 0);
  });

  test('odd names come back as they were', async () => {
    const store = new BucketStore({ ...place, prefix: "ä o'dd/&pre<fi>x+%41/" });
    const names = [
      'with space',
      'a+b',
      'ünïcode…',
      `quo"te'd`,
      '<tag>&amp;',
      '100%25',
      '~!*()@=,;:$?#',
      '20260102-030405F_x.I',
    ];
    for (const name of names) await put(store, `odd/${name}`, text(name));
    assert.deepEqual([...(await store.list('odd', signal)).keys()].sort(), [...names].sort());
    for (const name of names) assert.equal(String(await get(store, `odd/${name}`)), name);
    await store.remove(
      names.map((name) => `odd/${name}`),
      signal,
    );
    assert.equal((await store.list('odd', signal)).size, 0);
  });

  test('more objects than one answer lists', async () => {
    const store = new BucketStore(place);
    const paths = Array.from({ length: 1203 }, (_, n) => `many/${n}`);
    const left = [...paths];
    const next = async () => {
      for (let path = left.pop(); path !== undefined; path = left.pop()) await put(store, path, text(path));
    };
    await Promise.all(Array.from({ length: 8 }, next));
    const found = await store.list('many', signal);
    assert.equal(found.size, paths.length);
    assert.ok(paths.every((path) => found.has(path.slice('many/'.length))));
    await store.remove(paths, signal);
    assert.equal((await store.list('many', signal)).size, 0);
  });

  test('a large file is never held whole, and one of another size than told is not kept', async () => {
    const store = new BucketStore(place);
    const piece = Buffer.alloc(MIB, 'x');
    const bytes = 96 * MIB;
    let most = 0;
    const content = async function* () {
      for (let sent = 0; sent < bytes; sent += piece.length) {
        most = Math.max(most, process.memoryUsage().arrayBuffers);
        yield piece;
      }
    };
    const began = process.memoryUsage().arrayBuffers;
    await store.put('large', { bytes, content }, signal);
    let read = 0;
    for await (const chunk of store.get('large', signal)) read += chunk.byteLength;
    assert.equal(read, bytes);
    assert.ok(most - began < bytes / 3, `${most - began} bytes were held`);
    const broken = new Error('the source broke');
    const breaks = async function* () {
      yield piece;
      throw broken;
    };
    await assert.rejects(store.put('half', { bytes, content: breaks }, signal), broken);
    assert.equal((await store.list('half', signal)).size, 0);
    await assert.rejects(get(store, 'half'), { code: 'not_found' });
    await store.remove(['large'], signal);
  });

  test('says what is wrong and what to do', async () => {
    const wrong = (change: Partial<BucketPlace>) => new BucketStore({ ...place, ...change });
    await assert.rejects(wrong({ secretAccessKey: 'another' }).check(signal), {
      code: 'misconfigured',
      message: /does not take the key \(SignatureDoesNotMatch\)/,
      hint: /AWS_SECRET_ACCESS_KEY/,
    });
    await assert.rejects(wrong({ accessKeyId: 'AKIANOBODY' }).check(signal), { message: /\(InvalidAccessKeyId\)/ });
    await assert.rejects(wrong({ bucket: 'not-there' }).check(signal), {
      code: 'misconfigured',
      message: 'The bucket for backups does not exist.',
      hint: /THAW_BACKUPS/,
    });
    await assert.rejects(put(wrong({ bucket: 'not-there' }), 'x', text('y')), { message: /does not exist/ });
    const reader = wrong(objects.reader);
    await reader.check(signal);
    await assert.rejects(put(reader, 'x', text('y')), {
      code: 'misconfigured',
      message: /is not allowed to do this \(AccessDenied\)/,
      hint: /put and delete/,
    });
    await using nobody = await breaking(objects.address, []);
    const { endpoint } = nobody;
    await nobody[Symbol.asyncDispose]();
    await assert.rejects(wrong({ endpoint }).check(signal), {
      code: 'unavailable',
      message: /cannot be reached \(ECONNREFUSED\)/,
      hint: /AWS_ENDPOINT_URL/,
    });
    await using elsewhere = await breaking(objects.address, [answering('301 Moved', 'PermanentRedirect')]);
    await assert.rejects(wrong({ endpoint: elsewhere.endpoint }).check(signal), { hint: /AWS_REGION/ });
    await using web = await breaking(objects.address, [
      { answer: 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>' },
    ]);
    await assert.rejects(wrong({ endpoint: web.endpoint }).check(signal), { message: /does not answer as S3 does/ });
  });

  test('what breaks off half way is done again', async () => {
    const content = Buffer.concat([Buffer.alloc(3 * MIB, 'a'), Buffer.alloc(3 * MIB, 'b')]);
    const half = { after: 2 * MIB, of: 'request' } as const;
    const busy = answering('503 Slow Down', 'SlowDown');
    await using broken = await breaking(objects.address, [half, busy, undefined]);
    let asked = 0;
    const pieces = async function* () {
      asked += 1;
      for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
    };
    const store = new BucketStore({ ...place, endpoint: broken.endpoint });
    await store.put('again', { bytes: content.length, content: pieces }, signal);
    assert.ok(asked >= 2);
    assert.ok(broken.met >= 3);
    assert.ok(content.equals(await get(new BucketStore(place), 'again')));

    // Reading goes on where it was.
    const cut = { after: 2 * MIB, of: 'answer' } as const;
    await using cutting = await breaking(objects.address, [cut, busy, cut, undefined]);
    const read = await get(new BucketStore({ ...place, endpoint: cutting.endpoint }), 'again');
    assert.ok(content.equals(read));
    assert.ok(cutting.met >= 4);
    await store.remove(['again'], signal);
  });

  test('a store that stays busy is given up, and waiting for it can be cancelled', async () => {
    const busy = answering('503 Slow Down', 'SlowDown');
    await using always = await breaking(
      objects.address,
      Array.from({ length: 20 }, () => busy),
    );
    const store = new BucketStore({ ...place, endpoint: always.endpoint });
    const stop = new AbortController();
    const listing = store.list('x', stop.signal);
    setTimeout(() => stop.abort(), 100);
    await assert.rejects(listing, { name: 'AbortError' });
    await assert.rejects(store.list('x', signal), { code: 'unavailable', message: /\(503 SlowDown\)/ });
    assert.ok(always.met <= 6);
  });
});
