import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));

/** A repository of one of the examples. */
async function example(name: string, more: Record<string, string> = {}): Promise<WorkTree> {
  const tree = await WorkTree.create({});
  await cp(`${EXAMPLES}${name}`, tree.path, { recursive: true });
  await tree.commit(more);
  return tree;
}

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
      'thaw.toml': '[[crons]]\nname = "tick"\nschedule = "* * * * * *"\npath = "/tick"\n',
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

describe('an app that freezes', () => {
  test('keeps its memory and its WebSockets open while no process of it runs', async () => {
    await using server = await startServer();
    await using tree = await example('websocket-chat', { 'thaw.toml': 'sleep = "freeze"\nidle_timeout = "1s"\n' });
    const pushed = await tree.push(server.remote('chat'));
    assert.equal(pushed.code, 0, pushed.text);
    const socket = new WebSocket(`ws://127.0.0.1:${server.config.edge.port}/`, { headers: { host: 'chat.localhost' } });
    await once(socket, 'open');
    for (const message of ['one', 'two', 'three']) {
      socket.send(message);
      assert.equal(String((await once(socket, 'message'))[0]), message);
      while ((await server.thaw.instances.list())[0]?.state !== 'asleep') await sleep(50);
      assert.deepEqual((await server.holdings()).processes, []);
    }
    const edge = new EdgeClient(server.config, 'chat');
    const answer = await edge.ask();
    assert.equal(answer.start, 'resumed');
    assert.deepEqual(JSON.parse(answer.text), { messages: 3 });
    socket.close();
    await server.thaw.apps.remove('chat');
  });
});

describe('the examples', () => {
  let server: ServerFixture;
  before(async () => {
    server = await startServer();
  });
  after(() => server[Symbol.asyncDispose]());

  async function pushed(name: string): Promise<EdgeClient> {
    await using tree = await example(name);
    const { code, text } = await tree.push(server.remote(name));
    assert.equal(code, 0, text);
    return new EdgeClient(server.config, name);
  }

  test('static-site: pages, types, a page for what is missing, nothing outside', async () => {
    const edge = await pushed('static-site');
    const page = await edge.ask('/');
    assert.match(page.text, /Nothing runs here/);
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal((await edge.ask('/', { headers: { 'if-none-match': String(page.headers.etag) } })).status, 304);
    assert.equal((await edge.ask('/about')).status, 200);
    assert.match((await edge.ask('/style.css', { headers: { range: 'bytes=0-3' } })).text, /^body$/);
    const missing = await edge.ask('/nothing');
    assert.deepEqual([missing.status, /no such page/.test(missing.text)], [404, true]);
    for (const path of ['/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/.git/config', '/a%00b']) {
      assert.ok([400, 404].includes((await edge.ask(path)).status), path);
    }
  });

  test('flask-app: a forked worker renews what it keeps of randomness', async () => {
    const edge = await pushed('flask-app');
    const first = (await edge.ask()).json;
    await server.asleep();
    const second = (await edge.ask()).json;
    assert.equal(first.hello, 'flask');
    assert.notEqual(first.random, second.random);
    assert.notEqual(first.uuid, second.uuid);
  });

  test('go-app', async () => {
    const edge = await pushed('go-app');
    assert.match((await edge.ask()).text, /^hello from Go, [A-Z0-9]+/);
  });

  test('ssr-app: built by its own tools', async () => {
    const edge = await pushed('ssr-app');
    assert.match((await edge.ask('/some/page')).text, /<h1>\/some\/page<\/h1>/);
    assert.match((await edge.ask('/client.js')).text, /script has run/);
  });

  test('hono-api and express-app', async () => {
    const hono = await pushed('hono-api');
    assert.equal((await hono.ask('/notes/a', { method: 'PUT', body: 'text' })).status, 204);
    assert.equal((await hono.ask('/notes/a')).text, 'text');
    const express = await pushed('express-app');
    assert.equal((await express.ask()).json.hello, 'express');
  });
});
