import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type ApiFixture, startApi } from '../fixtures/api.ts';

const run = promisify(execFile);

describe('the routes of volumes', () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api[Symbol.asyncDispose]());

  const create = (name: string, sizeMiB = 32, more = {}) =>
    api.call('POST', '/v1/volumes', { json: { name, sizeMiB, ...more } });
  const gone = async (...names: string[]) => {
    for (const name of names) assert.equal((await api.call('DELETE', `/v1/volumes/${name}`)).status, 204, name);
  };

  test('one is made, looked at, listed, made larger and removed', async () => {
    const made = await create('data');
    assert.equal(made.status, 201);
    const { createdAt, usedMiB } = made.json;
    const shown = { name: 'data', project: 'default', sizeMiB: 32, usedMiB, attached: null, mounts: [], holder: null };
    assert.deepEqual(made.json, { ...shown, createdAt });
    assert.ok(usedMiB < 32);
    assert.deepEqual((await api.call('GET', '/v1/volumes/data')).json, made.json);
    assert.deepEqual((await api.call('GET', '/v1/volumes')).json, { volumes: [made.json] });
    const grown = await api.call('PATCH', '/v1/volumes/data', { json: { sizeMiB: 64 } });
    assert.deepEqual([grown.status, grown.json.sizeMiB], [200, 64]);
    await gone('data');
    assert.equal((await api.call('GET', '/v1/volumes/data')).status, 404);
  });

  test('what cannot be is refused with its reason', async () => {
    await create('data');
    const cases: [string, string, unknown, number, RegExp][] = [
      ['POST', '/v1/volumes', { name: 'data', sizeMiB: 32 }, 409, /a volume called data already/],
      ['POST', '/v1/volumes', { name: 'Data', sizeMiB: 32 }, 400, /volume/],
      ['POST', '/v1/volumes', { name: 'other', sizeMiB: 3 }, 400, /cannot have 3 MiB/],
      ['POST', '/v1/volumes', { name: 'other', sizeMiB: 2048 }, 400, /cannot have 2048 MiB/],
      ['PATCH', '/v1/volumes/data', { sizeMiB: 16 }, 400, /does not become smaller/],
      ['PATCH', '/v1/volumes/none', { sizeMiB: 64 }, 404, /no volume called none/],
      ['DELETE', '/v1/volumes/none', undefined, 404, /no volume/],
      ['DELETE', '/v1/volumes/data/attachment', undefined, 409, /not attached/],
      ['PUT', '/v1/volumes/data/attachment', { app: 'none', path: '/data' }, 404, /no app called none/],
      ['POST', '/v1/volumes/data/snapshots/none/restore', undefined, 404, /no snapshot called none/],
      ['POST', '/v1/volumes/data/clones', { name: 'data' }, 409, /already/],
    ];
    const told = (error: { message: string; hint?: string }) => `${error.message} ${error.hint ?? ''}`;
    for (const [method, path, json, status, words] of cases) {
      const answer = await api.call(method, path, json === undefined ? {} : { json });
      assert.equal(answer.status, status, `${method} ${path}`);
      assert.match(told(answer.json.error), words);
    }
    await gone('data');
  });

  test('it is attached to an app and detached, and not removed in between', async () => {
    await create('data');
    await api.call('POST', '/v1/apps', { json: { name: 'shop' } });
    await api.call('POST', '/v1/apps', { json: { name: 'blog' } });
    const to = (app: string, path = '/data') => api.call('PUT', '/v1/volumes/data/attachment', { json: { app, path } });
    assert.equal((await to('shop', '/etc')).status, 400);
    assert.deepEqual((await to('shop')).json.attached, { app: 'shop', path: '/data' });
    assert.match((await to('blog')).json.error.message, /The app shop has the volume data/);
    const removed = await api.call('DELETE', '/v1/volumes/data');
    assert.deepEqual([removed.status, removed.json.error.hint], [409, '`thaw volume detach data` detaches it.']);
    assert.equal((await api.call('DELETE', '/v1/volumes/data/attachment')).json.attached, null);
    await to('blog');
    await api.call('DELETE', '/v1/apps/blog');
    assert.equal((await api.call('GET', '/v1/volumes/data')).json.attached, null, 'an app that is gone leaves it');
    await gone('data');
  });

  test('it is kept, restored and cloned', async () => {
    await create('data');
    const kept = await api.call('POST', '/v1/volumes/data/snapshots', { json: { name: 'first' } });
    assert.deepEqual([kept.status, kept.json.volume, kept.json.sizeMiB], [201, 'data', 32]);
    const again = await api.call('POST', '/v1/volumes/data/snapshots', { json: { name: 'first' } });
    assert.deepEqual([again.status, again.json.error.code], [409, 'conflict']);
    assert.equal((await api.call('GET', '/v1/volumes/data/snapshots')).json.snapshots.length, 1);
    await api.call('PATCH', '/v1/volumes/data', { json: { sizeMiB: 64 } });
    const restored = await api.call('POST', '/v1/volumes/data/snapshots/first/restore');
    assert.deepEqual([restored.status, restored.json.sizeMiB], [200, 64], 'it does not become smaller');
    const clone = await api.call('POST', '/v1/volumes/data/clones', { json: { name: 'copy', snapshot: 'first' } });
    assert.deepEqual([clone.status, clone.json.sizeMiB], [201, 32]);
    assert.equal((await api.call('DELETE', '/v1/volumes/data/snapshots/first')).status, 204);
    assert.equal((await api.call('DELETE', '/v1/volumes/data/snapshots/first')).status, 404);
    await gone('data', 'copy');
  });

  test('its image goes out and comes in, and nothing else does', async () => {
    await create('data');
    const image = await fetch(`${api.url}/v1/volumes/data/image`, {
      headers: { authorization: `Bearer ${api.admin}` },
    });
    assert.equal(image.headers.get('content-type'), 'application/gzip');
    const bytes = Buffer.from(await image.arrayBuffer());
    const back = await api.call('PUT', '/v1/volumes/back/image', { body: bytes });
    assert.deepEqual([back.status, back.json?.sizeMiB], [201, 32]);

    const directory = await mkdtemp('/tmp/thaw-image-');
    const file = join(directory, 'image');
    await run('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', file, '20M']);
    const foreign = await api.call('PUT', '/v1/volumes/foreign/image', { body: gzipSync(await readFile(file)) });
    await rm(directory, { recursive: true });
    assert.deepEqual([foreign.status, foreign.json.sizeMiB], [201, 20]);

    const wrong: [Buffer, RegExp][] = [
      [Buffer.from('no gzip at all'), /not packed with gzip/],
      [gzipSync(Buffer.alloc(2 * 1024 * 1024)), /no image of an ext4/],
      [bytes.subarray(0, 1000), /not packed with gzip, or broke off|not whole|no image/],
    ];
    for (const [body, words] of wrong) {
      const { status, json } = await api.call('PUT', '/v1/volumes/wrong/image', {
        body: body as Uint8Array<ArrayBuffer>,
      });
      assert.deepEqual([status, words.test(json.error.message)], [400, true], json.error.message);
    }
    assert.equal((await api.call('GET', '/v1/volumes')).json.volumes.length, 3);
    await gone('data', 'back', 'foreign');
  });

  test('a project has no more than it may, and sees nothing of others', async () => {
    await api.call('POST', '/v1/projects', { json: { name: 'small' } });
    const { json } = await api.call('POST', '/v1/keys', { json: { name: 'small', project: 'small' } });
    const key = json.secret as string;
    await api.call('PATCH', '/v1/projects/small/limits', { json: { volumes: 2, volumeMiB: 100 } });
    const own = (name: string, sizeMiB: number) => api.call('POST', '/v1/volumes', { key, json: { name, sizeMiB } });
    assert.equal((await own('one', 60)).status, 201);
    const snapshot = await api.call('POST', '/v1/volumes/one/snapshots', { key, json: { name: 'first' } });
    assert.deepEqual([snapshot.status, snapshot.headers.get('x-thaw-limit')], [429, 'volumes']);
    assert.equal((await api.call('PATCH', '/v1/volumes/one', { key, json: { sizeMiB: 101 } })).status, 429);
    assert.equal((await own('two', 41)).status, 429);
    assert.equal((await own('two', 40)).status, 201);
    assert.match((await own('three', 16)).json.error.message, /at its limit of 2 volumes/);
    const { usage } = (await api.call('GET', '/v1/projects/small/limits')).json;
    assert.deepEqual([usage.volumes, usage.volumeMiB], [2, 100]);

    await create('data');
    assert.equal((await api.call('GET', '/v1/volumes/data', { key })).status, 404);
    assert.equal((await api.call('GET', '/v1/volumes/data?project=default', { key })).status, 404);
    assert.equal((await api.call('GET', '/v1/volumes/one?project=small')).status, 200);
    const seen = (await api.call('GET', '/v1/volumes', { key })).json.volumes as { name: string }[];
    assert.deepEqual(
      seen.map(({ name }) => name),
      ['one', 'two'],
    );
    await gone('data');
  });
});
