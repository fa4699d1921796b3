import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { BucketStore } from '../../platform/databases/backups/s3/bucket.ts';
import type { BucketPlace } from '../../platform/databases/backups/s3/place.ts';
import { findByArgument } from '../../platform/host/vmm/process.ts';
import { QEMU_BINARY } from '../../platform/host/vmm/qemu/driver.ts';
import { machineName } from '../../platform/host/vms/start.ts';
import type { NewDatabase } from '../../platform/sdk/index.ts';
import { freePorts, OWNER, startObjectStore } from '../fixtures/object-store.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const open = (url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
};

describe('backups of databases in a bucket', () => {
  const { signal } = new AbortController();
  const opened = new AsyncDisposableStack();
  let place: BucketPlace;
  let server: ServerFixture;
  let main: NewDatabase;
  let port: number;
  before(async () => {
    [port = 0] = await freePorts(1);
    const settings = {
      THAW_BACKUPS: 's3://thaw/of/this server',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_REGION: OWNER.region,
      AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
      AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
    };
    server = opened.use(await startServer(settings));
    main = await server.thaw.databases.create({ name: 'main', idleSeconds: 0 });
  });
  after(() => opened.disposeAsync());

  test('a server starts without the store, and says what is the matter', async () => {
    await assert.rejects(server.thaw.databases.backUp('main'), {
      code: 'unavailable',
      message: /The store of backups cannot be reached/,
    });
    assert.match(server.log(), /cannot be reached.*backups of databases cannot be kept at the moment/);
    const objects = opened.use(await startObjectStore(port));
    await assert.rejects(server.thaw.databases.backUp('main'), { message: 'The bucket for backups does not exist.' });
    place = await objects.bucket('thaw', 'of/this server/');
  });

  test('a database is backed up there, and restored from there as it was at a moment', async () => {
    await using one = open(main.directUrl);
    await one.sql`create table history as select 1 as n, repeat('plain to see ', 1000) as text`;
    const made = await server.thaw.databases.backUp('main');
    assert.deepEqual(
      made.backups.map(({ type }) => type),
      ['full'],
    );
    await one.sql`insert into history values (2)`;
    // By the clock that commits have.
    const now = async () => (await one.sql`select clock_timestamp() as at`)[0]?.at as Date;
    // What can be restored begins with the second after the backup.
    while ((await now()).toISOString() <= (made.backups[0]?.endedAt ?? '')) await delay(50);
    const between = (await now()).toISOString();
    await delay(50);
    await one.sql`insert into history values (3)`;
    const early = await server.thaw.databases.restore('main', { name: 'early', at: between });
    await using then = open(early.url);
    assert.deepEqual([...(await then.sql`select n from history order by n`)], [{ n: 1 }, { n: 2 }]);
    await server.thaw.databases.remove('early');
    assert.equal((await server.thaw.databases.list()).length, 1);
  });

  test('only what is encrypted lies there, and no key of it is near a guest', async () => {
    const store = new BucketStore(place);
    const { id } = await server.thaw.databases.get('main');
    const files = await store.list(id, signal);
    assert.ok(files.size > 5);
    const paths = [...files.keys()].map((path) => `${id}/${path}`);
    for (const path of [...paths, `${id}.json`]) {
      const content = Buffer.concat(await Array.fromAsync(store.get(path, signal))).toString('latin1');
      assert.doesNotMatch(content, /plain to see|"backups"|backup-timestamp/, path);
      // How OpenSSL begins what it has encrypted; an empty file has nothing to hide.
      if (path !== `${id}.json` && content !== '') assert.match(content, /^Salted__/, path);
    }
    const vmms = (await findByArgument(QEMU_BINARY, '-name', machineName(server.config.serverId, ''))).values();
    for (const { pid } of vmms) {
      const around = `${await readFile(`/proc/${pid}/environ`, 'latin1')}${await readFile(`/proc/${pid}/cmdline`, 'latin1')}`;
      assert.ok(!around.includes(place.secretAccessKey) && !around.includes(place.accessKeyId));
    }
  });

  test('a database that is removed leaves nothing there', async () => {
    const { id } = await server.thaw.databases.get('main');
    await server.thaw.databases.remove('main');
    const store = new BucketStore(place);
    assert.equal((await store.list(id, signal)).size, 0);
    await assert.rejects(Array.fromAsync(store.get(`${id}.json`, signal)), { code: 'not_found' });
    assert.deepEqual(await server.thaw.databases.list(), []);
  });
});
