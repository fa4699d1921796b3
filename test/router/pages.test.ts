import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ThawError } from '../../platform/errors.ts';
import { prefersHtml } from '../../router/pages.ts';
import { ask } from './client.ts';
import { openStand } from './stand.ts';

test('an error is a page for a browser and JSON for everyone else', () => {
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  assert.equal(prefersHtml(browser), true);
  assert.equal(prefersHtml('application/json;q=0.5, text/html'), true);
  for (const accept of [undefined, '*/*', 'application/json', 'text/html;q=0', 'application/json, text/html;q=0.9']) {
    assert.equal(prefersHtml(accept), false, String(accept));
  }
});

test('a page says what happened and what to do, is complete in itself and carries the request id', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end() });
  const { status, headers, body } = await ask({
    port: stand.port,
    host: 'nobody.localhost',
    headers: { accept: 'text/html', 'x-request-id': 'req-7' },
  });
  assert.equal(status, 404);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(headers['x-request-id'], 'req-7');
  assert.match(body, /There is no app at nobody\.localhost\./);
  assert.match(body, /first push/);
  assert.match(body, /req-7/);
  assert.doesNotMatch(body, /<script|src=|href=|\.ts:\d/);
});

test('JSON has the code, the message and the hint', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end() });
  const { headers, body } = await ask({ port: stand.port, host: 'nobody.localhost' });
  assert.equal(headers['content-type'], 'application/json');
  assert.deepEqual(Object.keys(JSON.parse(body).error), ['code', 'message', 'hint']);
});

test('what goes into a page is escaped', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => res.end(),
    beforeThaw: async () => {
      throw new ThawError('thaw_failed', '<img src=x> & "quotes"', { hint: "it's <b>" });
    },
  });
  const { body } = await ask({ port: stand.port, headers: { accept: 'text/html' } });
  assert.match(body, /&lt;img src=x&gt; &amp; &quot;quotes&quot;/);
  assert.match(body, /it&#39;s &lt;b&gt;/);
});

test('an error answer to HEAD has no body, and a refused upload still gets its answer', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end() });
  const head = await ask({ port: stand.port, host: 'nobody.localhost', method: 'HEAD' });
  assert.deepEqual([head.status, head.body], [404, '']);
  const upload = { method: 'POST', body: Buffer.alloc(8 * 1024 * 1024) };
  assert.equal((await ask({ port: stand.port, host: 'nobody.localhost', ...upload })).status, 404);
});
