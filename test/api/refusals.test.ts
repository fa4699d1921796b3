import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import pino from 'pino';
import { type Answer, type ApiFixture, startApi } from '../fixtures/api.ts';

function assertRefused({ status, headers, json }: Answer, expected: number, code: string): void {
  assert.equal(json?.error?.code, code, JSON.stringify(json));
  assert.equal(status, expected);
  assert.deepEqual(Object.keys(json), ['error']);
  assert.ok(headers.get('x-request-id'));
}

describe('what the API refuses', () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
    await api.control.projects.create('theirs');
    await api.deployed('ours-app');
    await api.deployed('theirs-app', 'theirs');
  });
  after(() => api[Symbol.asyncDispose]());

  test('a request without a valid key, on every route', async () => {
    const { json } = await api.call('GET', '/v1/openapi.json');
    const wrong = ['Bearer', 'Bearer x', `Bearer thw_${'A'.repeat(40)}`, `Basic ${btoa(`x:${api.admin}`)}`, api.admin];
    for (const [path, methods] of Object.entries<Record<string, unknown>>(json.paths)) {
      if (path === '/healthz' || path === '/v1/thaw.schema.json') continue;
      const address = path.replaceAll(/\{\w+\}/g, 'ours-app');
      for (const method of Object.keys(methods)) {
        assertRefused(await api.call(method.toUpperCase(), address, { key: null }), 401, 'unauthenticated');
      }
    }
    for (const authorization of wrong) {
      const answer = await api.call('GET', '/v1/apps', { headers: { authorization } });
      assertRefused(answer, 401, 'unauthenticated');
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    // A path that is no route tells a stranger nothing about which ones are.
    assertRefused(await api.call('GET', '/v1/nothing', { key: null }), 401, 'unauthenticated');
  });

  test('what the scopes of a key do not hold', async () => {
    const read = await api.key('default', ['read']);
    const deploy = await api.key('default', ['deploy']);
    const manage = await api.key('default', ['manage']);
    const forbidden = async (key: string, method: string, path: string, json?: unknown) =>
      assertRefused(await api.call(method, path, { key, json }), 403, 'forbidden');
    const id = (await api.control.deployments.list('ours-app'))[0]?.id;
    assert.equal((await api.call('GET', '/v1/apps', { key: read })).status, 200);
    await forbidden(read, 'POST', '/v1/apps/ours-app/releases', { deployment: id });
    await forbidden(read, 'POST', '/v1/apps/ours-app/deployments');
    await forbidden(read, 'POST', '/v1/apps/ours-app/rollback', {});
    await forbidden(read, 'POST', '/v1/apps/ours-app/promote', { branch: 'topic' });
    await forbidden(read, 'PUT', '/v1/apps/ours-app/environment', { target: 'production', values: {} });
    await forbidden(read, 'POST', '/v1/apps/ours-app/crons/nightly/run');
    await forbidden(read, 'DELETE', '/v1/build-cache');
    for (const key of [read, deploy]) {
      await forbidden(key, 'POST', '/v1/apps', { name: 'new' });
      await forbidden(key, 'DELETE', '/v1/apps/ours-app');
      await forbidden(key, 'GET', '/v1/keys');
      await forbidden(key, 'GET', '/v1/apps/ours-app/environment/values');
      await forbidden(key, 'POST', '/v1/apps/ours-app/domains', { host: 'www.example.com' });
      await forbidden(key, 'DELETE', '/v1/apps/ours-app/domains/www.example.com');
      await forbidden(key, 'POST', '/v1/keys', { name: 'more' });
    }
    await forbidden(manage, 'POST', '/v1/projects', { name: 'new' });
    await forbidden(manage, 'PATCH', '/v1/projects/default/limits', { apps: 1 });
    await forbidden(manage, 'POST', '/v1/keys', { name: 'more', project: null });
  });

  test('the things of another project look as if they did not exist', async () => {
    const key = await api.key('default', ['manage']);
    const deployment = (await api.control.deployments.list('theirs-app'))[0]?.id;
    const theirs = (await api.control.keys.create({ name: 'x', project: 'theirs', scopes: ['read'] })).key;
    const missing = async (method: string, path: string, json?: unknown) =>
      assertRefused(await api.call(method, path, { key, json }), 404, 'not_found');
    await missing('GET', '/v1/apps/theirs-app');
    await missing('DELETE', '/v1/apps/theirs-app');
    await missing('GET', '/v1/apps/theirs-app/deployments');
    await missing('GET', '/v1/apps/theirs-app/releases');
    await missing('POST', '/v1/apps/theirs-app/releases', { deployment });
    await missing('POST', '/v1/apps/ours-app/releases', { deployment });
    await missing('GET', '/v1/apps/theirs-app/logs');
    await missing('POST', '/v1/apps/theirs-app/rollback', {});
    await missing('POST', '/v1/apps/theirs-app/promote', { deployment });
    await missing('POST', '/v1/apps/ours-app/promote', { deployment });
    await missing('GET', '/v1/apps/theirs-app/environment');
    await missing('GET', '/v1/apps/theirs-app/environment/values');
    await missing('PUT', '/v1/apps/theirs-app/environment', { target: 'production', values: { A: '1' } });
    await missing('GET', '/v1/apps/theirs-app/domains');
    await missing('POST', '/v1/apps/theirs-app/domains', { host: 'www.example.com' });
    await missing('DELETE', '/v1/apps/theirs-app/domains/www.example.com');
    await missing('GET', '/v1/apps/theirs-app/crons');
    await missing('POST', '/v1/apps/theirs-app/crons/nightly/run');
    await missing('DELETE', '/v1/build-cache?app=theirs-app');
    await missing('GET', '/v1/projects/theirs/limits');
    await missing('GET', '/v1/instances?app=theirs-app');
    await missing('DELETE', `/v1/keys/${theirs.id}`);
    await missing('POST', '/v1/apps', { name: 'new', project: 'theirs' });
    await missing('POST', '/v1/keys', { name: 'new', project: 'theirs' });
    const seen = async (path: string) => JSON.stringify((await api.call('GET', path, { key })).json);
    for (const path of ['/v1/apps', '/v1/projects', '/v1/keys'])
      assert.ok(!(await seen(path)).includes('theirs'), path);
    assert.ok(await api.control.apps.get('theirs-app', null));
  });

  test('bodies that are no JSON, not the right JSON or too long', async () => {
    const headers = { 'content-type': 'application/json' };
    for (const body of ['{', '', '{"name":', '[1', 'name=x', '\0']) {
      assertRefused(await api.call('POST', '/v1/apps', { body, headers }), 400, 'invalid_input');
    }
    for (const json of [{}, [], null, 1, 'x', { name: 1 }, { name: null }, { name: ['a'] }, { nam: 'x' }]) {
      assertRefused(await api.call('POST', '/v1/apps', { json }), 400, 'invalid_input');
    }
    const other = { 'content-type': 'text/plain' };
    assertRefused(await api.call('POST', '/v1/apps', { body: '{"name":"x"}', headers: other }), 400, 'invalid_input');
    const long = { name: 'x', more: 'x'.repeat(65 * 1024) };
    assertRefused(await api.call('POST', '/v1/apps', { json: long }), 413, 'too_large');
    const chunked = new Blob([JSON.stringify(long)]).stream();
    assertRefused(await api.call('POST', '/v1/apps', { body: chunked, headers }), 413, 'too_large');
    assert.equal((await api.control.apps.list(null)).length, 2);
  });

  test('hostile names, wherever a name goes', async () => {
    for (const name of ['', 'A', 'a b', '..', '../x', 'a--b', '1-a', 'x'.repeat(64), 'ü', '%2e%2e', 'a\0', "a';--"]) {
      assertRefused(await api.call('POST', '/v1/apps', { json: { name } }), 400, 'invalid_input');
      if (name === '' || name === '..') continue;
      const path = encodeURIComponent(name);
      assertRefused(await api.call('GET', `/v1/apps/${path}`), 400, 'invalid_input');
      assertRefused(await api.call('GET', `/v1/instances?app=${path}`), 400, 'invalid_input');
    }
    for (const branch of ['', 'a..b', '-x', 'a b', 'x'.repeat(201)]) {
      const json = { deployment: 'd0123456789a', branch };
      assertRefused(await api.call('POST', '/v1/apps/ours-app/releases', { json }), 400, 'invalid_input');
    }
    const rule = await api.call('POST', '/v1/apps', { json: { name: 'Upper' } });
    assert.match(rule.json.error.message, /lower-case letters/);
  });

  test('paths that climb or are encoded oddly reach nothing', async () => {
    // Not through fetch, which tidies paths before it sends them.
    const raw = (path: string) =>
      new Promise<number>((resolve, reject) => {
        const { hostname, port } = new URL(api.url);
        const headers = { authorization: `Bearer ${api.admin}` };
        const sent = request({ hostname, port, path, headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        });
        sent.on('error', reject);
        sent.end();
      });
    for (const path of [
      '/v1/apps/..',
      '/v1/apps/%2e%2e',
      '/v1/apps/%2e%2e%2fkeys',
      '/v1/apps/%',
      '/v1/apps/%ff',
      '//v1/apps',
    ]) {
      const status = await raw(path);
      assert.ok(status >= 400 && status < 500, `${path} ${status}`);
    }
  });

  test('a path that is no route', async () => {
    assertRefused(await api.call('GET', '/'), 404, 'not_found');
    assertRefused(await api.call('GET', '/v1/nothing'), 404, 'not_found');
    assertRefused(await api.call('PUT', '/v1/apps'), 404, 'not_found');
  });

  test('a fault of the server tells the client nothing, and the log everything under the request id', async () => {
    const lines: string[] = [];
    api.parts.log = pino({ level: 'error' }, { write: (line) => lines.push(line) });
    api.parts.findings = () => Promise.reject(new Error('cannot read /secret/path'));
    const answer = await api.call('GET', '/v1/host', { headers: { 'x-request-id': 'my-own-id' } });
    assertRefused(answer, 500, 'internal');
    assert.ok(!JSON.stringify(answer.json).includes('secret'));
    assert.equal(answer.headers.get('x-request-id'), 'my-own-id');
    const [logged] = lines.map((line) => JSON.parse(line));
    assert.equal(logged.request, 'my-own-id');
    assert.match(logged.err.message, /\/secret\/path/);
  });

  test('work in sandboxes that is no such work', async () => {
    const at = (path: string) => `/v1/sandboxes/saaaaaaaaaaaaaaa/${path}`;
    const wrong = async (method: string, path: string, json?: unknown) =>
      assertRefused(await api.call(method, at(path), json === undefined ? {} : { json }), 400, 'invalid_input');
    for (const command of [undefined, '', [], 1, [1], { a: 1 }]) await wrong('POST', 'commands', { command });
    const more = [
      { cwd: 1 },
      { user: 'nobody' },
      { env: { A: 1 } },
      { timeoutSeconds: 0 },
      { stdin: 'yes' },
      { other: 1 },
    ];
    for (const option of more) await wrong('POST', 'commands', { command: 'true', ...option });
    for (const terminal of [{}, { cols: 0, rows: 1 }, { cols: 1, rows: 70_000 }, { cols: 1.5, rows: 1 }, 'yes']) {
      await wrong('POST', 'commands', { command: 'true', terminal });
    }
    for (const pid of ['x', '0', '-1', '1.5', '99999999']) await wrong('GET', `commands/${pid}/output`);
    await wrong('GET', 'commands/1/output?after=-1');
    await wrong('GET', 'commands/1/output?encoding=latin1');
    await wrong('POST', 'commands/1/stdin?end=maybe');
    for (const signal of ['SIGNOTHING', '9', 9, '', 'sigterm']) await wrong('POST', 'commands/1/signal', { signal });
    await wrong('POST', 'commands/1/resize', { cols: 80 });
    for (const path of ['stat', 'list', 'watch']) await wrong('GET', `files/${path}`);
    for (const depth of ['0', '65', 'x', '1.5']) await wrong('GET', `files/list?path=/&depth=${depth}`);
    await wrong('GET', 'files/watch?path=/&recursive=1');
    await wrong('DELETE', 'files');
    await wrong('DELETE', `files?path=/${'x'.repeat(5000)}`);
    await wrong('POST', 'files/directories', { path: '/x', user: 'nobody' });
    await wrong('POST', 'files/move', { from: '/x' });
    await wrong('POST', 'code', { code: 1 });
    await wrong('POST', 'code', { code: '1', timeoutSeconds: -1 });
    const large = await api.call('POST', at('code'), { json: { code: 'x'.repeat(5 * 1024 * 1024) } });
    assertRefused(large, 413, 'too_large');
  });

  test('input of commands is not noted by itself, what else is done is', async () => {
    const before = (await api.control.audit.list(null, 1000)).length;
    const post = (path: string) => api.call('POST', `/v1/sandboxes/saaaaaaaaaaaaaaa/commands/${path}`, { json: {} });
    for (const path of ['1/stdin?end=maybe', '1/resize', '1/signal']) await post(path);
    const noted = (await api.control.audit.list(null, 1000)).slice(0, -before || undefined);
    assert.deepEqual(
      noted.map(({ path }) => path.split('/').at(-1)),
      ['signal'],
    );
  });
});
