import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../platform/control/contract.ts';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

const admin: Principal = { keyId: 'k', project: null, scopes: ['read', 'deploy', 'manage'] };

onBothDatabases('projects and apps', (at) => {
  const project = async () => (await at.control.projects.create(at.fresh('project'))).name;

  test('the default project is there, once, also after a restart', async () => {
    await at.reopen();
    const names = (await at.control.projects.list()).map(({ name }) => name);
    assert.equal(names.filter((name) => name === 'default').length, 1);
  });

  test('two projects cannot have one name', async () => {
    const name = at.fresh('twice');
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => at.control.projects.create(name)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 4);
    for (const { reason } of refused) assert.equal(reason.code, 'conflict');
  });

  test('an app is seen in its project and by an admin, and looks absent elsewhere', async () => {
    const [mine, other, name] = [await project(), await project(), at.fresh('app')];
    const app = await at.control.apps.create(name, mine);
    assert.equal(app.kind, null);
    assert.equal(app.createdAt, at.now.toISOString());
    assert.deepEqual(await at.control.apps.get(name, mine), app);
    assert.deepEqual(await at.control.apps.get(name, null), app);
    await assert.rejects(at.control.apps.get(name, other), { code: 'not_found' });
    await assert.rejects(at.control.apps.remove(name, other), { code: 'not_found' });
    assert.deepEqual(await at.control.apps.list(mine), [app]);
    assert.deepEqual(await at.control.apps.list(other), []);
  });

  test('a name is taken on the whole server', async () => {
    const name = at.fresh('app');
    await at.control.apps.create(name, await project());
    await assert.rejects(at.control.apps.create(name, await project()), { code: 'conflict' });
  });

  test('an app needs a project that exists', async () => {
    await assert.rejects(at.control.apps.create(at.fresh('app'), 'nowhere'), { code: 'not_found' });
  });

  test('the first use makes the app, for everyone who came at once the same', async () => {
    const [mine, name] = [await project(), at.fresh('app')];
    const principal: Principal = { keyId: 'k', project: mine, scopes: ['deploy'] };
    const apps = await Promise.all(Array.from({ length: 10 }, () => at.control.apps.ensure(name, principal)));
    assert.equal(new Set(apps.map(({ id }) => id)).size, 1);
    assert.equal(apps[0]?.project, mine);
    assert.equal((await at.control.apps.ensure(name, admin)).project, mine);
    const stranger: Principal = { ...principal, project: await project() };
    await assert.rejects(at.control.apps.ensure(name, stranger), { code: 'conflict' });
    assert.equal((await at.control.apps.ensure(at.fresh('app'), admin)).project, 'default');
  });

  test('removing an app takes all it has, and names the templates nothing needs any more', async () => {
    const name = at.fresh('app');
    const keeper = at.fresh('app');
    for (const app of [name, keeper]) await at.control.apps.create(app, 'default');
    const build = async (app: string, template: string) => {
      const { id } = await at.control.deployments.begin({ app, branch: 'main', commit: null });
      await at.control.deployments.ready(id, { kind: 'function', template, run: RUN });
      await at.control.artifacts.put(id, one(Buffer.from(id)));
      await at.control.releases.create({ app, branch: 'main', deployment: id, reason: 'push' });
      return id;
    };
    const gone = [await build(name, 't_alone'), await build(name, 't_shared'), await build(name, 't_alone')];
    const stays = await build(keeper, 't_shared');
    const interrupted = await at.control.deployments.begin({ app: name, branch: 'main', commit: null });

    assert.deepEqual(await at.control.apps.remove(name, null), { templates: ['t_alone'] });
    await assert.rejects(at.control.apps.get(name, null), { code: 'not_found' });
    for (const id of [...gone, interrupted.id]) {
      await assert.rejects(at.control.deployments.get(id), { code: 'not_found' });
      await assert.rejects(at.control.artifacts.get(id)[Symbol.asyncIterator]().next(), { code: 'not_found' });
    }
    const late = at.control.deployments.ready(interrupted.id, { kind: 'web', template: 't_late', run: RUN });
    await assert.rejects(late, { code: 'not_found' });
    assert.ok((await at.control.routes()).every(({ app }) => app !== name));
    assert.equal((await at.control.deployments.get(stays)).template, 't_shared');
    await at.control.apps.create(name, 'default');
    assert.deepEqual(await at.control.releases.list(name), []);
  });
});

async function* one(chunk: Uint8Array): AsyncIterable<Uint8Array> {
  yield chunk;
}
