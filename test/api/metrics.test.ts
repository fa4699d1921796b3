import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { openMetrics } from '../../platform/metrics/open.ts';
import { type ApiFixture, startApi } from '../fixtures/api.ts';
import { measured, parseExposition } from '../metrics/exposition.ts';

function startMeasured(openTo: 'key' | 'loopback'): Promise<ApiFixture> {
  const metrics = openMetrics({
    instances: () => [{ app: 'shop', state: 'ready' }],
    queues: () => [],
    facts: async () => ({ vms: 1, slots: { ready: 4, used: 1, total: 9 }, templates: { count: 2, bytes: 3 } }),
  });
  return startApi({ metrics: { exposition: () => metrics.exposition(), openTo } });
}

/** Asks as it is, `Host` included, which `fetch` would set by itself. */
async function scrape(api: ApiFixture, headers: Record<string, string> = {}) {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(`${api.url}/metrics`, { agent: false, headers }, resolve).on('error', reject).end();
  });
  return { status: answer.statusCode, type: answer.headers['content-type'], text: await text(answer) };
}

const withKey = (key: string) => ({ authorization: `Bearer ${key}` });

test('metrics are for admin keys, also for one that may only look', async () => {
  await using api = await startMeasured('key');
  const { status, type, text } = await scrape(api, withKey(api.admin));
  assert.equal(status, 200);
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(measured(parseExposition(text), 'thaw_instances', { app: 'shop', state: 'ready' }), 1);
  const { secret } = await api.control.keys.create({ name: 'prometheus', project: null, scopes: ['read'] });
  assert.equal((await scrape(api, withKey(secret))).status, 200);
});

test('nobody else is told anything', async () => {
  await using api = await startMeasured('key');
  assert.equal((await scrape(api)).status, 401);
  assert.equal((await scrape(api, withKey('thw_wrong'))).status, 401);
  const refused = await scrape(api, withKey(await api.key('default', ['read', 'deploy', 'manage'])));
  assert.equal(refused.status, 403);
  assert.equal(JSON.parse(refused.text).error.code, 'forbidden');
});

test('where the operator says so, a program on this machine needs no key; what comes through a proxy or a page does', async () => {
  await using api = await startMeasured('loopback');
  assert.equal((await scrape(api)).status, 200);
  assert.equal((await scrape(api, { host: 'localhost:7070' })).status, 200);
  for (const headers of [
    { 'x-forwarded-for': '203.0.113.9' },
    { forwarded: 'for=203.0.113.9' },
    { via: '1.1 proxy' },
    { host: 'thaw.example.com' },
    { host: '127.0.0.1.example.com' },
    withKey('thw_wrong'),
  ]) {
    assert.equal((await scrape(api, headers)).status, 401, JSON.stringify(headers));
  }
  assert.equal((await scrape(api, { 'x-forwarded-for': '203.0.113.9', ...withKey(api.admin) })).status, 200);
});

test('the OpenAPI document names them; a server without metrics has none', async () => {
  await using api = await startMeasured('key');
  const { json } = await api.call('GET', '/v1/openapi.json', { key: null });
  assert.deepEqual(json.paths['/metrics'].get.security, [{ key: [] }]);
  await using bare = await startApi();
  assert.equal((await scrape(bare, withKey(bare.admin))).status, 404);
});
