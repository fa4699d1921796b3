import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { Thaw } from 'thaw/sdk';
import { tar } from '../../platform/cli/tar.ts';
import { ThawError } from '../../platform/errors.ts';
import { startServer, type TestServer } from './server.ts';

describe('the client on a real API', () => {
  let server: TestServer;
  let thaw: Thaw;
  before(async () => {
    server = await startServer();
    thaw = new Thaw({ url: server.url, apiKey: server.adminKey });
  });
  after(() => server[Symbol.asyncDispose]());

  const packed = (...files: string[]) => {
    const { signal } = new AbortController();
    const env = { PATH: process.env.PATH ?? '' };
    return tar(import.meta.dirname, files, { env, signal, onRemark: () => undefined });
  };

  test('deploys a stream, with progress, and shows what came of it', async () => {
    const lines: string[] = [];
    let sent = 0;
    const { deployment, release, url } = await thaw.deployments.deploy('hello', packed('listener.ts', 'server.ts'), {
      branch: 'main',
      onLine: (text) => lines.push(text),
      onSent: (bytes) => {
        sent = bytes;
      },
    });
    assert.deepEqual(lines, ['Receiving.', 'Baking.']);
    assert.ok(sent >= 10_240);
    assert.deepEqual((await readdir(server.tree(0))).sort(), ['listener.ts', 'server.ts']);
    assert.deepEqual(await thaw.deployments.list('hello'), [deployment]);
    assert.deepEqual(await thaw.releases.list('hello'), [release]);
    assert.equal((await thaw.apps.get('hello')).url, url);
  });

  test('a build that fails rejects with its code and hint', async () => {
    server.failDeploymentsWith(new ThawError('build_failed', 'It never listened.', { hint: 'Listen.' }));
    await assert.rejects(thaw.deployments.deploy('hello', packed('listener.ts')), {
      name: 'ThawApiError',
      code: 'build_failed',
      message: 'It never listened.',
      hint: 'Listen.',
    });
    server.failDeploymentsWith(undefined);
  });

  test('makes and removes apps, projects and keys', async () => {
    await thaw.projects.create('acme');
    const { key, secret } = await thaw.keys.create({ name: 'ci', project: 'acme', scopes: ['manage'] });
    const theirs = new Thaw({ url: server.url, apiKey: secret });
    const app = await theirs.apps.create({ name: 'shop' });
    assert.equal(app.project, 'acme');
    assert.deepEqual(await theirs.apps.list(), [app]);
    await assert.rejects(theirs.apps.get('hello'), { code: 'not_found', status: 404, requestId: /./ });
    await theirs.apps.remove('shop');
    await thaw.keys.revoke(key.id);
    await assert.rejects(theirs.apps.list(), { code: 'unauthenticated', status: 401 });
    const admin = await thaw.keys.create({ name: 'second', project: null });
    assert.equal(admin.key.project, null);
  });

  test('reads a log to its end, and follows one until it is left', async () => {
    const entry = {
      time: new Date().toISOString(),
      instance: 'i1',
      deployment: 'd1',
      stream: 'stdout',
      level: 'info',
      line: 'a',
    } as const;
    server.past.push(entry);
    assert.deepEqual(await Array.fromAsync(thaw.logs.read('hello')), [entry]);
    const followed = once(server.log, 'followed');
    const following = thaw.logs.read('hello', { follow: true, limit: 0 });
    const next = following.next();
    await followed;
    server.log.emit('line', { ...entry, line: 'b' });
    assert.deepEqual(await next, { done: false, value: { ...entry, line: 'b' } });
    const unfollowed = once(server.log, 'unfollowed');
    await following.return();
    await unfollowed;
  });

  test('sets an environment, with progress, and tells the values', async () => {
    const lines: string[] = [];
    const { entries, deployed } = await thaw.environment.change(
      'hello',
      { target: 'production', values: { A: '1', GONE: null } },
      { onLine: (text) => lines.push(text) },
    );
    assert.deepEqual(
      entries.map(({ name, target }) => [name, target]),
      [['A', 'production']],
    );
    assert.equal(deployed[0]?.release.reason, 'environment');
    assert.deepEqual(lines, ['Baking main again with the new values', 'Baking.']);
    const quiet = { target: { branch: 'a/b' }, values: { A: '2' } };
    assert.deepEqual((await thaw.environment.change('hello', quiet, { redeploy: false })).deployed, []);
    assert.deepEqual(await thaw.environment.values('hello', { branch: 'a/b' }), { A: '2' });
    assert.equal((await thaw.environment.list('hello')).length, 2);
    await assert.rejects(thaw.environment.change('hello', { target: 'preview', values: { 'A-': '' } }), {
      code: 'invalid_input',
      status: 400,
    });
  });

  test('rolls back, promotes, and sets domains and limits', async () => {
    const [current, first] = await thaw.releases.list('hello');
    const back = await thaw.releases.rollback('hello');
    assert.equal(back.deployment, first?.deployment);
    assert.equal((await thaw.releases.rollback('hello', current?.number)).deployment, current?.deployment);
    assert.equal((await thaw.releases.rollback('hello', first?.deployment ?? '')).deployment, first?.deployment);
    const promoted = await thaw.releases.promote('hello', { deployment: current?.deployment ?? '' });
    assert.equal(promoted.reason, 'promote');
    const domain = await thaw.domains.add('hello', '*.example.com');
    assert.deepEqual(await thaw.domains.list('hello'), [domain]);
    await thaw.domains.remove('hello', '*.example.com');
    const { limits } = await thaw.projects.setLimits('default', { instances: 9 });
    assert.deepEqual((await thaw.projects.limits('default')).limits, limits);
    assert.equal(limits.instances, 9);
    assert.deepEqual(await thaw.crons.list('hello'), []);
    await assert.rejects(thaw.crons.run('hello', 'never'), { code: 'not_found' });
    assert.deepEqual(await thaw.buildCache.list(), []);
    assert.equal(await thaw.buildCache.clear({ app: 'hello' }), 0);
  });

  test('tells what runs and on what', async () => {
    assert.deepEqual(await thaw.instances.list(), []);
    const { facts, findings } = await thaw.host.get();
    assert.equal(facts.slots.total, 16_384);
    assert.equal(findings[1]?.remedy, 'Use XFS.');
  });
});
