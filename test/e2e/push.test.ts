import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { thaw } from '../cli/command.ts';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient, serverTiming } from '../fixtures/http.ts';
import { vmmProcesses } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/** Between the requests of a trickle. */
const TRICKLE_MS = 100;

const says = (text: string) => `export default { fetch: () => new Response(${JSON.stringify(text)}) };\n`;

describe('a push', () => {
  let server: ServerFixture;
  before(async () => {
    server = await startServer();
  });
  after(() => server[Symbol.asyncDispose]());

  test('makes a function that answers from zero, then warm, then sleeps again', async () => {
    await using tree = await WorkTree.create({
      'index.js': `import { hostname } from 'node:os';
export default { fetch: (request, env, ctx) => Response.json({ hostname: hostname(), path: new URL(request.url).pathname }) };
`,
    });
    const { code, remote, text } = await tree.push(server.remote('hello'));
    assert.equal(code, 0, text);
    assert.equal(remote[0], 'Detected: function (index.js)');
    const url = `http://hello.localhost:${server.config.edge.port}/`;
    assert.equal(remote.filter((line) => line !== '').at(-1), url, text);
    assert.equal((await server.thaw.apps.get('hello')).url, url);
    assert.deepEqual(await server.thaw.instances.list(), []);

    const edge = new EdgeClient(server.config, 'hello');
    const cold = await edge.ask('/somewhere?a=1', { headers: { 'x-request-id': 'my-own.1' } });
    assert.equal(cold.status, 200, cold.text);
    assert.equal(cold.json.path, '/somewhere');
    assert.equal(cold.start, 'cold');
    assert.equal(cold.headers['x-request-id'], 'my-own.1');
    assert.deepEqual(Object.keys(serverTiming(cold)), ['queue', 'thaw', 'app']);
    assert.ok(Number(serverTiming(cold).thaw) > 1, 'the thaw took time');

    const warm = await edge.ask();
    assert.equal(warm.start, 'warm');
    assert.equal(serverTiming(warm).thaw, 0);
    assert.match(String(warm.headers['x-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(warm.json.hostname, cold.json.hostname);
    const [instance] = await server.thaw.instances.list({ app: 'hello' });
    assert.equal(instance?.id, cold.json.hostname);

    await server.asleep();
    assert.deepEqual(await server.thaw.instances.list(), []);
    const again = await edge.ask();
    assert.equal(again.start, 'cold');
    assert.notEqual(again.json.hostname, cold.json.hostname);
  });

  test('takes TypeScript, JSON imports, and packages without a lockfile and with one', async () => {
    const manifest = (dependencies: Record<string, string>) =>
      JSON.stringify({ name: 'packed', type: 'module', private: true, dependencies });
    await using tree = await WorkTree.create({
      'index.ts': `import isNumber from 'is-number';
import words from './words.json' with { type: 'json' };
interface Answer { word: string; number: boolean }
export function GET(): Response { return Response.json({ word: words.hello, number: isNumber(5) } satisfies Answer); }
export async function POST(request: Request): Promise<Response> { return new Response((await request.text()).toUpperCase()); }
`,
      'words.json': '{"hello":"hallo"}',
      'package.json': manifest({ 'is-number': '^7.0.0' }),
    });
    const installed = await tree.push(server.remote('packed'));
    assert.equal(installed.code, 0, installed.text);
    assert.match(installed.text, /npm install/);
    const edge = new EdgeClient(server.config, 'packed');
    assert.deepEqual((await edge.ask()).json, { word: 'hallo', number: true });
    assert.equal((await edge.ask('/', { method: 'POST', body: 'loud' })).text, 'LOUD');

    const locked = await tree.npm('install', '--package-lock-only');
    assert.equal(locked.code, 0, locked.text);
    await tree.commit({
      'index.ts': `import isNumber from 'is-number';
import type { IncomingMessage, ServerResponse } from 'node:http';
export default (request: IncomingMessage, response: ServerResponse) => { response.end(request.url + ' ' + isNumber('x')); };
`,
    });
    const ci = await tree.push(server.remote('packed'));
    assert.equal(ci.code, 0, ci.text);
    assert.match(ci.text, /npm ci/);
    assert.equal((await edge.ask('/greet/you')).text, '/greet/you false');
  });

  test('replaces the one before without a failed request', async () => {
    await using tree = await WorkTree.create({ 'index.js': says('1') });
    await tree.push(server.remote('steady'));
    const edge = new EdgeClient(server.config, 'steady');
    const answers: string[] = [];
    const over = new AbortController();
    const trickle = (async () => {
      while (!over.signal.aborted) {
        const { status, text } = await edge.ask();
        answers.push(`${status} ${text}`);
        await sleep(TRICKLE_MS);
      }
    })();
    await tree.commit({ 'index.js': says('2') });
    const { code, text } = await tree.push(server.remote('steady'));
    assert.equal(code, 0, text);
    answers.push('pushed');
    assert.equal((await edge.ask()).text, '2', 'what was pushed answers as soon as the push is done');
    await sleep(2 * TRICKLE_MS);
    over.abort();
    await trickle;
    const kinds = answers.filter((answer, at) => answer !== answers[at - 1] && answer !== 'pushed');
    assert.deepEqual([...new Set(kinds)], ['200 1', '200 2']);
    assert.ok(answers.indexOf('200 2') > answers.lastIndexOf('200 1'), 'the old one never comes back');

    const releases = await server.thaw.releases.list('steady');
    assert.equal(releases.length, 2);
    await server.thaw.releases.rollback('steady', String(releases.at(-1)?.deployment));
    assert.equal((await edge.ask()).text, '1', 'rolled back');
    await server.asleep();
    assert.equal((await vmmProcesses(server.config.serverId)).size, 0);
  });

  test('to another branch makes a preview and leaves production alone; pushes to one app take turns', async () => {
    await using tree = await WorkTree.create({ 'index.js': says('production') });
    assert.equal((await tree.push(server.remote('shop'))).code, 0);
    await tree.git('checkout', '-q', '-b', 'red');
    await tree.commit({ 'index.js': says('red') });
    await tree.git('checkout', '-q', '-b', 'Feature/Blue');
    await tree.commit({ 'index.js': says('blue') });

    const pushes = await Promise.all(['red', 'Feature/Blue'].map((branch) => tree.push(server.remote('shop'), branch)));
    for (const { code, text } of pushes) assert.equal(code, 0, text);
    const waited = pushes.filter(({ text }) => text.includes('Another push to this app is running'));
    assert.equal(waited.length, 1, 'one of them waited for the other');

    const edge = new EdgeClient(server.config, 'shop');
    const urls = pushes.map(({ remote }) => new URL(String(remote.filter((line) => line !== '').at(-1))));
    const labels = urls.map(({ hostname }) => String(hostname.split('.')[0]));
    assert.equal(labels[0], 'red--shop');
    assert.match(String(labels[1]), /^feature-blue-[0-9a-f]{8}--shop$/);
    const texts = await Promise.all(['shop', ...labels].map(async (label) => (await edge.ask('/', { label })).text));
    assert.deepEqual(texts, ['production', 'red', 'blue']);

    const deleted = await tree.push(server.remote('shop'), ':red');
    assert.equal(deleted.code, 0, deleted.text);
    assert.equal((await edge.ask('/', { label: 'red--shop' })).status, 404);
    assert.equal((await edge.ask()).text, 'production');
    const production = await tree.push(server.remote('shop'), ':main');
    assert.notEqual(production.code, 0, 'production cannot be deleted');
    assert.equal((await edge.ask()).text, 'production');
  });

  test('without git: `thaw deploy` does the same', async () => {
    const directory = await mkdtemp('/tmp/thaw-deploy-');
    try {
      await writeFile(join(directory, 'index.mjs'), 'export default () => new Response("uploaded")\n');
      const env = { THAW_URL: server.url, THAW_API_KEY: server.key };
      const { code, stdout, stderr } = await thaw(['deploy', directory, '--app', 'uploaded'], { env });
      assert.equal(code, 0, stderr);
      assert.equal(stdout, `http://uploaded.localhost:${server.config.edge.port}/\n`);
      assert.equal((await new EdgeClient(server.config, 'uploaded').ask()).text, 'uploaded');
      const releases = await thaw(['releases', 'uploaded', '--json'], { env });
      assert.match(releases.stdout, /"reason": ?"deploy"/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
