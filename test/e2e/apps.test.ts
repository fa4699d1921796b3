import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const SERVER = `
const version = require('./version.json');
require('node:http').createServer((request, response) => {
  if (request.url === '/tick') require('node:fs').appendFileSync('/tmp/ticks', 'x');
  const ticks = require('node:fs').existsSync('/tmp/ticks') ? require('node:fs').readFileSync('/tmp/ticks', 'utf8').length : 0;
  console.log('asked for', request.url);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ version, ticks, odd: require('is-odd')(3), secret: process.env.SECRET, plain: process.env.PLAIN, random: Math.random() }));
}).listen(process.env.PORT);`;

describe('a web app', () => {
  let server: ServerFixture;
  let tree: WorkTree;
  before(async () => {
    server = await startServer();
    tree = await WorkTree.create({
      'server.js': SERVER,
      'version.json': '1',
      'package.json': JSON.stringify({
        scripts: { build: 'echo "secret is $SECRET" && cp version.json built.json', start: 'node server.js' },
        dependencies: { 'is-odd': '3.0.1' },
      }),
      'thaw.toml': '[env]\nPLAIN = "written down"\n',
    });
  });
  after(async () => {
    await tree[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const edge = () => new EdgeClient(server.config, 'shop');

  test('is built, warmed, frozen, and answers from zero; its clones differ', async () => {
    await server.thaw.apps.create({ name: 'shop' });
    await server.thaw.environment.change('shop', { target: 'production', values: { SECRET: 'hush-hush-1' } });
    const pushed = await tree.push(server.remote('shop'));
    assert.equal(pushed.code, 0, pushed.text);
    assert.equal(pushed.remote[0], 'Detected: Node web app (package.json start)');
    assert.ok(pushed.remote.includes('  secret is ******'), 'values are masked in what a build writes');
    const first = await edge().ask();
    assert.deepEqual(
      { ...first.json, random: 0 },
      { version: 1, ticks: 0, odd: true, secret: 'hush-hush-1', plain: 'written down', random: 0 },
    );
    assert.equal(first.start, 'cold');
    assert.equal((await edge().ask()).start, 'warm');
    await server.asleep();
    const other = await edge().ask();
    assert.notEqual(other.json.random, first.json.random);
  });

  test('with the same packages is built without installing them again', async () => {
    await tree.commit({ 'version.json': '2' });
    const pushed = await tree.push(server.remote('shop'));
    assert.equal(pushed.code, 0, pushed.text);
    assert.ok(!pushed.text.includes('npm install'), pushed.text);
    assert.equal((await edge().ask()).json.version, 2);
    assert.equal((await server.thaw.buildCache.list()).length, 1);
  });

  test('whose release command fails stays as it was', async () => {
    await tree.commit({ 'version.json': '3', 'thaw.toml': 'release = "echo migrating $SECRET; exit 4"\n' });
    const pushed = await tree.push(server.remote('shop'));
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.text, /The release command failed \(exit code 4\); what was in front stays there/);
    assert.doesNotMatch(pushed.text, /hush-hush/);
    assert.equal((await edge().ask()).json.version, 2);
    const [newest] = await server.thaw.deployments.list('shop');
    assert.equal(newest?.status, 'failed');
    await tree.git('reset', '-q', '--hard', 'HEAD~1');
  });

  test('is baked with a changed value, not built, and goes back in an instant', async () => {
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    await server.thaw.environment.change(
      'shop',
      { target: 'production', values: { SECRET: 'hush-hush-2' } },
      { onLine },
    );
    assert.ok(!lines.some((line) => /Installing|Building|hush/.test(line)), lines.join('\n'));
    assert.equal((await edge().ask()).json.secret, 'hush-hush-2');
    const began = performance.now();
    await server.thaw.releases.rollback('shop');
    assert.equal((await edge().ask()).json.secret, 'hush-hush-1');
    assert.ok(performance.now() - began < 5000);
    const [release] = await server.thaw.releases.list('shop');
    assert.equal(release?.reason, 'rollback');
  });

  test('answers under a domain of its own', async () => {
    await server.thaw.domains.add('shop', 'Shop.Example.org');
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"host":"chunked.example.org"}'));
        controller.close();
      },
    });
    const headers = { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: chunked, duplex: 'half' } as RequestInit;
    assert.equal((await fetch(`${server.url}/v1/apps/shop/domains`, init)).status, 201);
    await server.thaw.domains.add('shop', '*.shop.example.org');
    for (const host of ['shop.example.org', 'any.shop.example.org']) {
      const answer = await edge().ask('/', { headers: { host } });
      assert.equal(answer.json.version, 2, host);
    }
    assert.equal((await edge().ask('/', { headers: { host: 'other.example.org' } })).status, 404);
    await server.thaw.domains.remove('shop', 'shop.example.org');
    assert.equal((await edge().ask('/', { headers: { host: 'shop.example.org' } })).status, 404);
  });

  test('is written down: a line for each request, and numbers for Prometheus', async () => {
    await edge().ask('/looked-for', { headers: { 'x-request-id': 'mine-1' } });
    let lines: { stream: string; requestId?: string | undefined }[] = [];
    for (let tries = 0; tries < 50 && lines.length === 0; tries += 1) {
      await sleep(100);
      lines = await Array.fromAsync(server.thaw.logs.read('shop', { requestId: 'mine-1' }));
    }
    assert.deepEqual(
      lines.map(({ stream }) => stream),
      ['request'],
    );
    const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.key}` } });
    assert.match(await metrics.text(), /thaw_requests_total\{[^}]*app="shop"[^}]*\} [1-9]/);
    assert.equal((await fetch(`${server.url}/metrics`)).status, 401);
  });

  test('is asked at the times that it sets', async () => {
    await tree.commit({
      'thaw.toml': 'idle_timeout = "30s"\n[[crons]]\nname = "tick"\nschedule = "* * * * * *"\npath = "/tick"\n',
    });
    const pushed = await tree.push(server.remote('shop'));
    assert.equal(pushed.code, 0, pushed.text);
    let ticks = 0;
    for (let tries = 0; tries < 30 && ticks < 2; tries += 1) {
      await sleep(500);
      ticks = (await edge().ask()).json.ticks;
    }
    assert.ok(ticks >= 2, `${ticks} ticks`);
    const [cron] = await server.thaw.crons.list('shop');
    assert.equal(cron?.lastRun?.status, 200);
  });
});

test('a worker of a Procfile runs beside the web process in what was released, and there alone', async () => {
  await using server = await startServer();
  await using tree = await WorkTree.create({
    'server.js': "require('node:http').createServer((_, answer) => answer.end('web')).listen(process.env.PORT);",
    'worker.js': "console.log('worker at work'); setTimeout(() => process.exit(3), 1500);",
    Procfile: 'web: node server.js\nworker: node worker.js\nrelease: sleep 5; echo released\nclock: date\n',
  });
  const pushed = await tree.push(server.remote('both'));
  assert.equal(pushed.code, 0, pushed.text);
  assert.ok(!pushed.text.includes('at work'), pushed.text);
  assert.match(pushed.text, /`clock` of the Procfile is not run/);
  assert.equal((await new EdgeClient(server.config, 'both').ask()).text, 'web');
  const said: string[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const { stream, line } of server.thaw.logs.read('both', { follow: true, signal })) {
    if (stream !== 'request') said.push(line);
    if (said.filter((one) => one === 'worker at work').length === 2) break;
  }
  assert.deepEqual(said, ['worker at work', 'The worker ended with 3; it is started again.', 'worker at work']);
  const instances = await server.thaw.instances.list({ app: 'both' });
  assert.deepEqual(
    instances.map(({ state }) => state),
    ['running'],
    'it does not sleep',
  );
  await server.thaw.apps.remove('both');
});
