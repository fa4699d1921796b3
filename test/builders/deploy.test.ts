import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { packFiles } from '../../builders/tar.ts';
import type { Principal } from '../../platform/control/contract.ts';
import { HELLO, openStand, type Stand, until } from './pushing.ts';

const source = (code: string) => packFiles([{ path: 'index.ts', content: new TextEncoder().encode(code) }]);
const ADMIN: Principal = { keyId: 'k', project: null, scopes: ['read', 'deploy', 'manage'] };

describe('an upload', { concurrency: false }, () => {
  let stand: Stand;
  before(async () => {
    stand = await openStand();
  });
  after(() => stand[Symbol.asyncDispose]());

  const upload = (app: string, code: string, signal?: AbortSignal, principal = ADMIN) => {
    const lines: string[] = [];
    const request = { app, branch: 'main', commit: null, source: source(code), principal };
    return { lines, done: stand.builders.deploy(request, (line) => lines.push(line), signal) };
  };

  test('is built, released, and makes its app', async () => {
    const { lines, done } = upload('uploaded', HELLO);
    const { app, deployment, release, url } = await done;
    assert.deepEqual(
      [app.name, app.kind, deployment.status, release.reason, url],
      ['uploaded', 'function', 'ready', 'deploy', 'http://uploaded.localhost/'],
    );
    assert.deepEqual(lines.slice(0, 3), ['Detected: function (index.ts)', 'Bundling', 'Starting']);
  });

  test('that cannot be built leaves the deployment with its reason, and nothing else', async () => {
    const templates = stand.host.frozen.size;
    await assert.rejects(upload('unbuilt', 'export default {').done, {
      code: 'build_failed',
      message: /cannot be bundled[\s\S]*index\.ts:1/,
    });
    const [deployment] = await stand.control.deployments.list('unbuilt');
    assert.equal(deployment?.status, 'failed');
    assert.deepEqual([stand.host.machines.size, stand.host.frozen.size], [0, templates]);
  });

  test('counts on its project, whose disk may be limited', async () => {
    await upload('measured', HELLO).done;
    const used = await stand.builders.diskUse('default');
    assert.ok(used > 0, `${used} bytes`);
    assert.equal(await stand.builders.diskUse('nobody'), 0);
    await stand.control.projects.setLimits('default', { diskMiB: used / 1024 ** 2 });
    await assert.rejects(upload('measured', HELLO).done, { code: 'quota_exceeded', limit: 'disk' });
    await stand.control.projects.setLimits('default', { diskMiB: null });
    await upload('measured', HELLO).done;
    assert.ok((await stand.builders.diskUse('default')) > used);
  });

  test('needs the scope for it', async () => {
    await assert.rejects(upload('forbidden', HELLO, undefined, { ...ADMIN, scopes: ['read'] }).done, {
      code: 'forbidden',
    });
  });

  test('waits for the one before it, and can be cancelled while it does', async () => {
    const held = Promise.withResolvers<void>();
    stand.host.gate = held.promise;
    const first = upload('waiting', HELLO);
    await until(() => stand.host.holding);
    const client = new AbortController();
    const second = upload('waiting', HELLO, client.signal);
    await until(() => second.lines.length > 0);
    assert.match(second.lines[0] ?? '', /waiting/);
    client.abort();
    await assert.rejects(second.done, { code: 'cancelled' });
    const other = upload('other', HELLO);
    await until(() => other.lines.length > 0);
    assert.deepEqual(other.lines, ['Waiting for another build to finish']);
    held.resolve();
    await Promise.all([first.done, other.done]);
    assert.equal((await stand.control.deployments.list('waiting')).length, 1);
  });

  test('is broken off when its app is removed, and so is the one that waits behind it', async () => {
    const held = Promise.withResolvers<void>();
    stand.host.gate = held.promise;
    const templates = stand.host.frozen.size;
    const first = upload('removed', HELLO);
    await until(() => stand.host.holding);
    const second = upload('removed', HELLO);
    await until(() => second.lines.length > 0);
    const app = await stand.control.apps.get('removed', null);
    const ends = [first, second].map(({ done }) =>
      assert.rejects(done, { code: 'gone', message: /The app removed was removed while this was being built/ }),
    );
    const over = stand.builders.breakOff(app);
    held.resolve();
    await over;
    await Promise.all(ends);
    assert.deepEqual([stand.host.machines.size, stand.host.frozen.size], [0, templates]);
    await stand.control.apps.remove('removed', null);
    await stand.builders.forget(app.id);
    stand.host.gate = Promise.resolve();
    assert.equal((await upload('removed', HELLO).done).release.number, 1);
  });

  test('that takes too long is ended', async () => {
    await using quick = await openStand({ buildTimeoutMs: 2000 });
    quick.host.gate = new Promise(() => {});
    const request = { app: 'slow', branch: 'main', commit: null, source: source(HELLO), principal: ADMIN };
    await assert.rejects(
      quick.builders.deploy(request, () => {}),
      { code: 'build_failed', message: 'The build took longer than 2 s.' },
    );
    assert.equal(quick.host.machines.size, 0);
  });

  test('is baked again from its artifact, once for all who ask', async () => {
    const { deployment } = await upload('stale', HELLO).done;
    const old = deployment.template ?? '';
    const { builds } = stand.host;
    const [a, b] = await Promise.all([stand.builders.rebake(deployment.id), stand.builders.rebake(deployment.id)]);
    assert.equal(a, b);
    assert.equal((await stand.control.deployments.get(deployment.id)).template, a);
    assert.deepEqual([stand.host.builds, stand.host.frozen.has(old), stand.host.frozen.has(a)], [builds, false, true]);
    await assert.rejects(stand.builders.rebake('d00000000000'), { code: 'not_found' });
  });
});
