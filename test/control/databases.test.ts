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
    memoryMiB: 512,
    diskMiB: 8192,
    idleSeconds: 0.5,
    keepAwake: ['cron'],
    parent: null,
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
});
