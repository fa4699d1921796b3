import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { example } from '../fixtures/example.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

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
