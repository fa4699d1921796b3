import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DirectoryStore } from '../../platform/databases/backups/directory.ts';
import { Repositories } from '../../platform/databases/backups/repository.ts';
import { BucketStore } from '../../platform/databases/backups/s3/bucket.ts';
import type { BackupStore } from '../../platform/databases/backups/store.ts';
import type { Host } from '../../platform/host/contract.ts';
import { temporaryDirectory } from '../fixtures/control.ts';
import { type ObjectStore, startObjectStore } from '../fixtures/object-store.ts';

const { signal } = new AbortController();
const INSIDE = '/data/backup';

/** Programs of this machine in the place of a guest's: what is at `/data/backup` there is a directory here. */
async function guest() {
  const { path: root, ...directory } = await temporaryDirectory();
  const host: Pick<Host, 'exec' | 'putTree'> = {
    async *exec(_vm, { argv }) {
      const [program = '', ...args] = argv.map((word) => word.replace(INSIDE, root));
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      const ended = once(child, 'close');
      for await (const data of child.stdout) yield { kind: 'stdout', data };
      const [code] = await ended;
      yield { kind: 'exit', code, signal: null, timedOut: false, truncated: false };
    },
    async putTree(_vm, _path, tar) {
      const child = spawn('tar', ['-x', '-C', root], { stdio: ['pipe', 'ignore', 'inherit'] });
      const ended = once(child, 'close');
      for await (const chunk of tar) if (!child.stdin.write(chunk)) await once(child.stdin, 'drain');
      child.stdin.end();
      assert.deepEqual(await ended, [0, null]);
    },
  };
  const write = async (files: Record<string, string>, seconds = 1_700_000_000) => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text);
      await utimes(join(root, name), seconds, seconds);
    }
  };
  const remove = (name: string) => rm(join(root, name));
  const read = (name: string) => readFile(join(root, name), 'utf8');
  return { host, write, read, remove, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

/** Writes down what a store is told to do. */
function noting(store: BackupStore): BackupStore & { done: string[] } {
  const done: string[] = [];
  return {
    done,
    check: (stop) => store.check(stop),
    list: (folder, stop) => store.list(folder, stop),
    get: (path, stop) => store.get(path, stop),
    put: (path, file, stop) => {
      done.push(`put ${path}`);
      return store.put(path, file, stop);
    },
    remove: (paths, stop) => {
      done.push(...paths.map((path) => `remove ${path}`));
      return store.remove(paths, stop);
    },
  };
}

describe('repositories of databases', () => {
  let objects: ObjectStore;
  let made = 0;
  before(async () => {
    objects = await startObjectStore();
  });
  after(() => objects[Symbol.asyncDispose]());

  const stores = {
    'a directory': async (opened: AsyncDisposableStack): Promise<BackupStore> =>
      new DirectoryStore(join(opened.use(await temporaryDirectory()).path, 'made')),
    'a bucket': async () => new BucketStore(await objects.bucket(`repositories-${made++}`, 'some/where/')),
  };
  const long = `archive/main/17-1/0000000100000000/000000010000000000000001-${'0123456789'.repeat(4)}.lz4`;

  for (const [kind, open] of Object.entries(stores)) {
    test(`are kept in ${kind}: new files first, indexes after them, then what retention removed`, async () => {
      await using opened = new AsyncDisposableStack();
      const store = noting(await open(opened));
      const repositories = new Repositories(store);
      const inside = opened.use(await guest());
      await repositories.check(signal);
      await inside.write({
        'backup/main/backup.info': 'index of 1',
        'backup/main/backup.info.copy': 'index of 1',
        'backup/main/1F/bundle/1': 'x'.repeat(200_000),
        'backup/main/1F/pg_data/empty': '',
        'archive/main/half.pgbackrest.tmp': 'half',
        [long]: 'log',
      });
      await repositories.pull(inside.host, 'vm', 'pg1', signal);
      assert.deepEqual(store.done.slice(0, 3).sort(), [
        `put pg1/${long}`,
        'put pg1/backup/main/1F/bundle/1',
        'put pg1/backup/main/1F/pg_data/empty',
      ]);
      assert.deepEqual(store.done.slice(3).sort(), [
        'put pg1/backup/main/backup.info',
        'put pg1/backup/main/backup.info.copy',
      ]);

      // Nothing new, nothing sent.
      store.done.length = 0;
      await repositories.pull(inside.host, 'vm', 'pg1', signal);
      assert.deepEqual(store.done, []);

      // An index of the same size, and a backup that is past its time.
      await inside.write({ 'backup/main/backup.info': 'index of 2', 'backup/main/2F/bundle/1': 'y' }, 1_700_000_100);
      await inside.remove('backup/main/1F/bundle/1');
      await inside.remove('backup/main/1F/pg_data/empty');
      await repositories.pull(inside.host, 'vm', 'pg1', signal);
      assert.deepEqual(store.done.slice(0, 2), ['put pg1/backup/main/2F/bundle/1', 'put pg1/backup/main/backup.info']);
      assert.deepEqual(store.done.slice(2).sort(), [
        'remove pg1/backup/main/1F/bundle/1',
        'remove pg1/backup/main/1F/pg_data/empty',
      ]);

      const restored = opened.use(await guest());
      await repositories.push(restored.host, 'vm', 'pg1', signal);
      assert.equal(await restored.read('backup/main/backup.info'), 'index of 2');
      assert.equal(await restored.read('backup/main/2F/bundle/1'), 'y');
      assert.equal(await restored.read(long), 'log');
      await assert.rejects(restored.read('backup/main/1F/bundle/1'), { code: 'ENOENT' });

      await repositories.remove('pg1', signal);
      assert.equal((await store.list('pg1', signal)).size, 0);
    });

    test(`have a note in ${kind} that only the key opens`, async () => {
      await using opened = new AsyncDisposableStack();
      const store = await open(opened);
      const owner = { id: 'pg2', backupKey: 'a key' };
      assert.equal(await new Repositories(store).note(owner, signal), undefined);
      const repositories = new Repositories(store);
      await repositories.setNote(owner, { until: 'moment' }, signal);
      await repositories.setNote(owner, { until: 'later' }, signal);
      assert.deepEqual(await new Repositories(store).note(owner, signal), { until: 'later' });
      assert.equal(await new Repositories(store).note({ ...owner, backupKey: 'another' }, signal), undefined);
      const lying = Buffer.concat(await Array.fromAsync(store.get('pg2.json', signal))).toString();
      assert.doesNotMatch(lying, /until|later/);
      await repositories.remove('pg2', signal);
      assert.equal(await new Repositories(store).note(owner, signal), undefined);
    });
  }

  test('refuse names of a guest that are no plain ones', async () => {
    await using opened = new AsyncDisposableStack();
    const inside = opened.use(await guest());
    await inside.write({ 'a strange name': 'x' });
    const store = new DirectoryStore(opened.use(await temporaryDirectory()).path);
    await assert.rejects(new Repositories(store).pull(inside.host, 'vm', 'pg3', signal), { code: 'unavailable' });
  });
});
