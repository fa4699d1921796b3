import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseRecord } from '../../platform/databases/records.ts';
import { onBothDatabases } from '../fixtures/control.ts';

onBothDatabases('databases', (at) => {
  const project = async () => (await at.control.projects.create(at.fresh('project'))).name;
  const record = (owner: string, more: Partial<DatabaseRecord> = {}): DatabaseRecord => ({
    id: at.fresh('pg'),
    project: owner,
    name: 'main',
    dbname: 'main',
    endpoint: at.fresh('main-'),
    status: 'creating',
    password: 'a secret',
    backupKey: 'another',
    disk: null,
    version: 17,
    memoryMiB: 512,
    diskMiB: 8192,
    idleSeconds: 0.5,
    keepAwake: ['cron'],
    parent: null,
    preview: null,
    createdAt: at.now.toISOString(),
    ...more,
  });

  test('a record is kept over a restart, its secrets sealed', async () => {
    const one = record(await project());
    await at.control.databases.add(one);
    await at.control.databases.update(one.id, { status: 'ready', disk: 'v_1', password: 'changed' });
    await at.reopen();
    const found = (await at.control.databases.all()).find(({ id }) => id === one.id);
    assert.deepEqual(found, { ...one, status: 'ready', disk: 'v_1', password: 'changed' });
    await at.control.databases.drop(one.id);
    assert.ok((await at.control.databases.all()).every(({ id }) => id !== one.id));
  });

  test('a name is taken once in a project, and free in another', async () => {
    const [owner, other] = [await project(), await project()];
    await at.control.databases.add(record(owner));
    await assert.rejects(at.control.databases.add(record(owner)), { code: 'conflict' });
    await at.control.databases.add(record(other));
    await assert.rejects(at.control.databases.add(record('nowhere')), { code: 'not_found' });
  });

  test('the database past a limit is refused, also when many come at once, and is told as used', async () => {
    const { databases, projects } = at.control;
    const owner = await project();
    await projects.setLimits(owner, { databases: 3, databaseMiB: 3000 });
    const add = (name: string, diskMiB: number) => databases.add(record(owner, { name, diskMiB }));
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => add(`one-${n}`, 512)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 5);
    for (const { reason } of refused) {
      assert.deepEqual([reason.code, reason.status, reason.limit], ['quota_exceeded', 429, 'databases']);
      assert.match(reason.hint, /limit databases is 3.*thaw projects limits/);
    }
    const { databases: count, databaseMiB } = await projects.usage(owner);
    assert.deepEqual([count, databaseMiB], [3, 1536]);
    await projects.setLimits(owner, { databases: null });
    await assert.rejects(add('large', 1465), { code: 'quota_exceeded', message: /3000 MiB of disks of databases/ });
    await add('fits', 1464);
    await databases.add(record(await project()));
  });

  test('a target of an app has one database, and what is gone is attached to nothing', async () => {
    const { apps, databases } = at.control;
    const owner = await project();
    const app = await apps.create(at.fresh('app'), owner);
    const other = await apps.create(at.fresh('app'), await project());
    const [main, second] = [record(owner), record(owner, { name: 'second' })];
    await databases.add(main);
    await databases.add(second);
    await databases.attach(main.id, { app: app.name, target: 'production', branches: false });
    await databases.attach(main.id, { app: app.name, target: 'preview', branches: false });
    await databases.attach(second.id, { app: app.name, target: 'preview', branches: true });
    const preview = { database: 'second', app: app.name, target: 'preview', branches: true };
    const production = { database: 'main', app: app.name, target: 'production', branches: false };
    assert.deepEqual(await databases.attachments({ app: app.id }), [preview, production]);
    assert.deepEqual(await databases.attachments({ database: main.id }), [production]);
    await assert.rejects(databases.attach(main.id, { app: other.name, target: 'preview', branches: false }), {
      code: 'not_found',
    });
    await databases.detach(main.id, app.name);
    await databases.drop(second.id);
    assert.deepEqual(await databases.attachments({ app: app.id }), []);
    await databases.attach(main.id, { app: app.name, target: 'production', branches: false });
    await apps.remove(app.name, null);
    assert.deepEqual(await databases.attachments({ database: main.id }), []);
  });

  test('whose preview it is outlives the app', async () => {
    const owner = await project();
    const preview = { appId: 'a1', app: 'gone', branch: 'feature/x' };
    const one = record(owner, { preview });
    await at.control.databases.add(one);
    const found = (await at.control.databases.all()).find(({ id }) => id === one.id);
    assert.deepEqual(found?.preview, preview);
  });
});
