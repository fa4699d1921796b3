import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SandboxRecord } from '../../platform/sandboxes/records.ts';
import { onBothDatabases } from '../fixtures/control.ts';

onBothDatabases('sandboxes', (at) => {
  const project = async () => (await at.control.projects.create(at.fresh('project'))).name;
  const record = (owner: string, more: Partial<SandboxRecord> = {}): SandboxRecord => ({
    id: at.fresh('s'),
    project: owner,
    template: 'base',
    hostTemplate: 't_1',
    state: 'running',
    endReason: null,
    metadata: {},
    environment: {},
    egress: { allow: [] },
    ports: 'private',
    memoryMiB: 512,
    cpus: 0.5,
    diskMiB: 4096,
    ttlSeconds: 300,
    autoPause: false,
    parent: null,
    createdAt: at.now.toISOString(),
    endsAt: new Date(at.now.getTime() + 300_000).toISOString(),
    endedAt: null,
    ...more,
  });
  const shown = ({ hostTemplate: _, environment: __, ...rest }: SandboxRecord) => rest;

  test('a record is kept over a restart, its environment sealed', async () => {
    const { sandboxes } = at.control;
    const owner = await project();
    const one = record(owner, { metadata: { user: 'ada' }, environment: { SECRET: 'hunter2', EMPTY: '' } });
    await sandboxes.add(one);
    assert.deepEqual(await sandboxes.get(one.id, owner), shown(one));
    await at.reopen();
    const live = (await at.control.sandboxes.live()).filter(({ project }) => project === owner);
    assert.deepEqual(live, [one]);
    await at.control.sandboxes.update(one.id, { state: 'paused', endsAt: null, ttlSeconds: 60 });
    const paused = { ...shown(one), state: 'paused', endsAt: null, ttlSeconds: 60 };
    assert.deepEqual(await at.control.sandboxes.get(one.id, null), paused);
    await assert.rejects(at.control.sandboxes.add(record('nowhere')), { code: 'not_found' });
  });

  test('another project’s is as unknown as one that never was', async () => {
    const { sandboxes } = at.control;
    const [owner, other] = [await project(), await project()];
    const one = record(owner);
    await sandboxes.add(one);
    const refusal = (id: string, whose: string | null) =>
      sandboxes.get(id, whose).then(
        () => assert.fail(),
        (error) => [error.code, error.message.replace(id, 'ID'), error.hint],
      );
    assert.deepEqual(await refusal(one.id, other), await refusal('sxxx', other));
    assert.deepEqual(await sandboxes.list(other, { limit: 10 }), []);
  });

  test('listed newest first, by state and metadata', async () => {
    const { sandboxes } = at.control;
    const owner = await project();
    const made = [
      record(owner, { metadata: { user: 'ada', job: '1' } }),
      record(owner, { metadata: { user: 'ada', job: '2' }, state: 'paused', endsAt: null }),
      record(owner, { metadata: { user: "b'ob" } }),
    ];
    for (const one of made) await sandboxes.add(one);
    const ids = async (filter: Omit<Parameters<typeof sandboxes.list>[1], 'limit'>, limit = 10) =>
      (await sandboxes.list(owner, { ...filter, limit })).map(({ id }) => made.findIndex((one) => one.id === id));
    assert.deepEqual(await ids({}), [2, 1, 0]);
    assert.deepEqual(await ids({}, 2), [2, 1]);
    assert.deepEqual(await ids({ state: 'paused' }), [1]);
    assert.deepEqual(await ids({ metadata: { user: 'ada' } }), [1, 0]);
    assert.deepEqual(await ids({ metadata: { user: 'ada', job: '1' } }), [0]);
    assert.deepEqual(await ids({ metadata: { user: "b'ob" } }), [2]);
    assert.deepEqual(await ids({ metadata: { user: '%' } }), []);
  });

  test('an end is written once, and the oldest ends of a project are forgotten', async () => {
    const { sandboxes } = at.control;
    const owner = await project();
    const first = record(owner, { environment: { A: '1' } });
    await sandboxes.add(first);
    const ended = new Date(at.now.getTime() + 5000).toISOString();
    await sandboxes.end([first.id], 'oom', ended);
    await sandboxes.end([first.id], 'killed', at.now.toISOString());
    await sandboxes.update(first.id, { state: 'running' });
    const { state, endReason, endedAt, endsAt } = await sandboxes.get(first.id, owner);
    assert.deepEqual(
      { state, endReason, endedAt, endsAt },
      { state: 'ended', endReason: 'oom', endedAt: ended, endsAt: null },
    );
    assert.ok((await sandboxes.live()).every(({ id }) => id !== first.id));
    const many = Array.from({ length: 1001 }, () => record(owner));
    for (const one of many) await sandboxes.add(one);
    await sandboxes.end(
      many.map(({ id }) => id),
      'ttl',
      ended,
    );
    const known = await sandboxes.list(owner, { limit: 5000 });
    assert.equal(known.length, 1000);
    await assert.rejects(sandboxes.get(first.id, owner), { code: 'not_found' });
  });

  test('templates have versions, which are never given twice', async () => {
    const { sandboxTemplates: templates } = at.control;
    const [owner, other] = [await project(), await project()];
    const add = (whose: string, name: string) =>
      templates.add({
        ...{ project: whose, name, hostTemplate: at.fresh('t_'), hostParent: 't_0' },
        ...{ memoryMiB: 512, cpus: 1, sizeBytes: 5_000_000_000 },
      });
    const made = await Promise.all([
      add(owner, 'a'),
      add(owner, 'a'),
      add(owner, 'a'),
      add(other, 'a'),
      add(owner, 'b'),
    ]);
    assert.deepEqual(made.map(({ version }) => version).sort(), [1, 1, 1, 2, 3]);
    assert.equal((await templates.list(owner)).length, 4);
    const [last] = await templates.remove(owner, 'a', 3);
    assert.ok(last?.removed);
    await assert.rejects(templates.remove(owner, 'a', 3), { code: 'not_found' });
    await assert.rejects(templates.remove(owner, 'other', undefined), { code: 'not_found' });
    await templates.forget([last.hostTemplate]);
    assert.equal((await add(owner, 'a')).version, 4);
    assert.equal((await templates.remove(owner, 'a', undefined)).length, 3);
    assert.deepEqual(
      (await templates.list(owner)).map(({ name }) => name),
      ['b'],
    );
    assert.equal((await templates.list(other)).length, 1);
  });

  test('the audit log tells newest first, to whom it concerns', async () => {
    const { audit } = at.control;
    const [owner, other] = [await project(), await project()];
    const entry = (whose: string | null, path: string) => ({
      ...{ at: at.now.toISOString(), key: 'k1', project: whose, method: 'POST', path, status: 201, requestId: 'r1' },
    });
    for (const whose of [owner, null, other, owner]) audit.record(entry(whose, `/v1/${whose}`));
    assert.deepEqual(await audit.list(owner, 10), [entry(owner, `/v1/${owner}`), entry(owner, `/v1/${owner}`)]);
    assert.deepEqual(
      (await audit.list(null, 3)).map(({ project: whose }) => whose),
      [owner, other, null],
    );
    audit.record(entry(owner, '/v1/last'));
    await at.reopen();
    assert.equal(
      (await at.control.audit.list(owner, 1))[0]?.path,
      '/v1/last',
      'what was not written yet is, at the close',
    );
  });
});
