import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runShim } from './running-shim.ts';

const SHAPES: Record<string, string> = {
  'default { fetch }':
    "export default { fetch(request, env, ctx) { return new Response('hi ' + new URL(request.url).pathname + typeof ctx.waitUntil) } };",
  'default object with a method that uses this':
    "export default { who: '/xfunction', fetch() { return new Response('hi ' + this.who) } };",
  'a bare default function':
    "export default async (request) => new Response('hi ' + new URL(request.url).pathname + 'function');",
  'a bare default function (request, env)':
    "export default function (request, env) { return new Response('hi /xfunction' + (env.PORT ?? '')) }",
  'named methods': "export const GET = (request) => new Response('hi ' + new URL(request.url).pathname + 'function');",
  'a Node handler': "export default (req, res) => { res.end('hi ' + req.url + 'function') };",
  'a Node handler with other names':
    "export default async function handler(_request, response = 1) { response.end('hi ' + _request.url + 'function') };",
  'an Express app':
    "const app = (a, b, next) => b.end('hi ' + a.url + 'function'); app.handle = app.use = () => {}; export default app;",
  'a CommonJS module compiled from ES modules':
    "export default { __esModule: true, default: (req, res) => res.end('hi ' + req.url + 'function') };",
  'an HTTP server':
    "import { createServer } from 'node:http'; export default createServer((a, b) => b.end('hi ' + a.url + 'function'));",
};

for (const [name, source] of Object.entries(SHAPES)) {
  test(`${name} answers`, async () => {
    await using shim = await runShim(source);
    assert.equal(await (await fetch(`${shim.url}x`)).text(), 'hi /xfunction', shim.errors());
  });
}

test('named methods answer HEAD and OPTIONS, and 405 for what is not there', async () => {
  await using shim = await runShim(
    "export const GET = () => new Response('hi'); export const POST = async (r) => new Response(await r.text());",
  );
  assert.equal((await fetch(shim.url, { method: 'HEAD' })).status, 200);
  assert.equal(await (await fetch(shim.url, { method: 'POST', body: 'sent' })).text(), 'sent');
  const options = await fetch(shim.url, { method: 'OPTIONS' });
  assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, POST, HEAD']);
  assert.equal((await fetch(shim.url, { method: 'DELETE' })).status, 405);
});

test('a module that is no function is told what to export', async () => {
  await using shim = await runShim('export const answer = 42;');
  assert.equal(await shim.ended, 1);
  assert.match(shim.errors(), /index\.ts exports nothing that answers requests\. Export one of: default \{ fetch/);
});

test('a module that throws or never finishes loading ends with a reason', async () => {
  await using throwing = await runShim("throw new TypeError('bad start');");
  assert.equal(await throwing.ended, 1);
  assert.match(throwing.errors(), /TypeError: bad start/);
  await using stuck = await runShim('await new Promise(() => {});');
  assert.equal(await stuck.ended, 13);
  assert.match(stuck.errors(), /index\.ts waits at its top level for something that never happens/);
});

test('a throwing handler answers 500 without its words, and goes on', async () => {
  await using shim = await runShim(`
    export default { fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/throw') throw new Error('secret words');
      if (pathname === '/nothing') return;
      if (pathname === '/later') Promise.reject(new Error('later words'));
      return new Response('fine');
    } };`);
  for (const path of ['throw', 'nothing']) {
    const answer = await fetch(shim.url + path);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /secret/);
  }
  assert.equal(await (await fetch(`${shim.url}later`)).text(), 'fine');
  assert.equal(await (await fetch(shim.url)).text(), 'fine');
  assert.match(
    shim.errors(),
    /Error: secret words[\s\S]*returned undefined where a Response is expected[\s\S]*later words/,
  );
});

test('a throwing Node handler answers 500 too', async () => {
  await using shim = await runShim("export default async (req, res) => { throw new Error('secret words') };");
  const answer = await fetch(shim.url);
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /secret/);
});

test('a handler can end its process', async () => {
  await using shim = await runShim(
    "export default { fetch(r) { if (r.url.endsWith('/x')) process.exit(3); return new Response('') } };",
  );
  await assert.rejects(fetch(`${shim.url}x`));
  assert.equal(await shim.ended, 3);
});

test('an answer streams, and the request tells when its client goes', async () => {
  await using shim = await runShim(`
    let gone = false;
    export default { fetch(request) {
      if (request.url.endsWith('/gone')) return Response.json(gone);
      request.signal.addEventListener('abort', () => { gone = true });
      return new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('first')) } }));
    } };`);
  const client = new AbortController();
  const answer = await fetch(`${shim.url}stream`, { signal: client.signal });
  const { value } = (await answer.body?.getReader().read()) ?? {};
  assert.equal(new TextDecoder().decode(value), 'first');
  client.abort();
  while ((await (await fetch(`${shim.url}gone`)).json()) !== true);
});

test('nothing of the platform is in the environment, and no stale date in the answer', async () => {
  await using shim = await runShim('export default { fetch: (r, env) => Response.json([env, process.env]) };', {
    MINE: 'yes',
  });
  const answer = await fetch(shim.url);
  assert.equal(answer.headers.get('date'), null);
  assert.deepEqual(await answer.json(), [{ MINE: 'yes' }, { MINE: 'yes' }]);
});
