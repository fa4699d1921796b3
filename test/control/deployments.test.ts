import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const BUILT = { kind: 'function', template: 't_one', run: RUN } as const;

onBothDatabases('deployments', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const begin = async (name: string) => at.control.deployments.begin({ app: name, branch: 'main', commit: COMMIT });

  test('one goes from building to ready, and its app takes the kind', async () => {
    const name = await app();
    const begun = await begin(name);
    assert.match(begun.id, /^d[a-z0-9]{11}$/);
    assert.deepEqual(begun, {
      id: begun.id,
      app: name,
      branch: 'main',
      commit: COMMIT,
      status: 'building',
      kind: null,
      error: null,
      template: null,
      run: null,
      scaling: {},
      crons: [],
      createdAt: at.now.toISOString(),
      readyAt: null,
    });
    const ready = await at.control.deployments.ready(begun.id, BUILT);
    assert.deepEqual(ready, { ...begun, ...BUILT, status: 'ready', readyAt: at.now.toISOString() });
    assert.deepEqual(await at.control.deployments.get(begun.id), ready);
    assert.equal((await at.control.apps.get(name, null)).kind, 'function');
  });

  test('a ready one that was never released can be taken back', async () => {
    const { id } = await begin(await app());
    await at.control.deployments.ready(id, BUILT);
    await at.control.deployments.fail(id, 'broken off');
    const taken = await at.control.deployments.get(id);
    assert.deepEqual([taken.status, taken.error], ['failed', 'broken off']);
  });

  test('one that is released or failed stays so', async () => {
    const name = await app();
    const [ready, failed] = [await begin(name), await begin(name)];
    await at.control.deployments.ready(ready.id, BUILT);
    await at.control.releases.create({ app: name, branch: ready.branch, deployment: ready.id, reason: 'push' });
    await at.control.deployments.fail(failed.id, 'SyntaxError: no');
    await assert.rejects(at.control.deployments.fail(ready.id, 'late'), { code: 'conflict' });
    await assert.rejects(at.control.deployments.ready(ready.id, BUILT), { code: 'conflict' });
    await assert.rejects(at.control.deployments.ready(failed.id, BUILT), { code: 'conflict' });
    await assert.rejects(at.control.deployments.rebaked(failed.id, 't_x'), { code: 'conflict' });
    await assert.rejects(at.control.deployments.ready('d00000000000', BUILT), { code: 'not_found' });
    assert.equal((await at.control.deployments.get(failed.id)).error, 'SyntaxError: no');
  });

  test('a reason is kept whatever bytes the code wrote, from its end', async () => {
    const { id } = await begin(await app());
    await at.control.deployments.fail(id, `${'x'.repeat(100_000)}\0 half \ud800 pair: the reason`);
    const { error } = await at.control.deployments.get(id);
    assert.ok(error !== null && error.length <= 16_384);
    assert.ok(error.endsWith(' half \ufffd pair: the reason'));
  });

  test('they are listed newest first, also within one millisecond', async () => {
    const name = await app();
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.unshift((await begin(name)).id);
    assert.deepEqual(
      (await at.control.deployments.list(name)).map(({ id }) => id),
      ids,
    );
    await assert.rejects(at.control.deployments.list('nowhere'), { code: 'not_found' });
  });

  test('what was building when the server ended has failed, the rest is as it was', async () => {
    const name = await app();
    const [ready, building] = [await begin(name), await begin(name)];
    await at.control.deployments.ready(ready.id, BUILT);
    await at.reopen();
    assert.ok((await at.control.deployments.failInterrupted()).length >= 1);
    assert.deepEqual(await at.control.deployments.failInterrupted(), []);
    assert.match((await at.control.deployments.get(building.id)).error ?? '', /The server ended/);
    assert.equal((await at.control.deployments.get(ready.id)).status, 'ready');
  });

  test('templates in use are those of ready deployments; baking again replaces one', async () => {
    const name = await app();
    const [ready, failed] = [await begin(name), await begin(name)];
    await at.control.deployments.ready(ready.id, { ...BUILT, template: 't_before' });
    await at.control.deployments.fail(failed.id, 'no');
    assert.ok((await at.control.deployments.templatesInUse()).has('t_before'));
    await at.control.deployments.rebaked(ready.id, 't_after');
    const used = await at.control.deployments.templatesInUse();
    assert.ok(used.has('t_after') && !used.has('t_before'));
  });

  test('bad input is refused: app, branch, commit', async () => {
    const name = await app();
    const attempt = (branch: string, commit: string | null, of = name) =>
      at.control.deployments.begin({ app: of, branch, commit });
    await assert.rejects(attempt('main', null, 'nowhere'), { code: 'not_found' });
    await assert.rejects(attempt('a..b', null), { code: 'invalid_input' });
    await assert.rejects(attempt('main', 'abc'), { code: 'invalid_input' });
    await assert.rejects(attempt('main', `${COMMIT}; rm`), { code: 'invalid_input' });
    assert.equal((await attempt('main', null)).commit, null);
  });
});
