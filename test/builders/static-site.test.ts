import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { guestProgram } from '../../builders/guest-program.ts';
import { freePort } from './running-shim.ts';

const FILES: Record<string, string> = {
  'site/index.html': 'home',
  'site/404.html': 'nothing here',
  'site/about.html': 'about',
  'site/docs/index.html': 'docs',
  'site/docs/a b.txt': 'spaces',
  'site/empty.txt': '',
  'site/digits.txt': '0123456789',
  'site/app.3f9a1c2b.js': 'plain script',
  'site/app.3f9a1c2b.js.gz': 'as gzip',
  'site/app.3f9a1c2b.js.br': 'as brotli',
  'site/.env': 'secret',
  'site/.well-known/security.txt': 'well known',
  'site/.git/config': 'secret',
  'secret.txt': 'secret',
};

let directory: string;
let port: number;
const closing = new AsyncDisposableStack();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'thaw-static-'));
  closing.defer(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  await symlink('../secret.txt', join(directory, 'site/out.txt'));
  await symlink('.env', join(directory, 'site/env.txt'));
  await symlink('digits.txt', join(directory, 'site/alias.txt'));
  await writeFile(join(directory, 'static.mjs'), await guestProgram('static'));
  port = await freePort();
  const child = spawn(process.execPath, [join(directory, 'static.mjs'), join(directory, 'site')], {
    env: { PORT: String(port) },
    stdio: 'inherit',
  });
  closing.defer(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  while (!(await ask('/').catch(() => undefined))) await sleep(20);
});
after(() => closing.disposeAsync());

/** Sends a path as it is; `fetch` would tidy it up. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const sent = request({ host: '127.0.0.1', port, path, headers, method, agent: false }).end();
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, headers: response.headers, text };
}

const PAGES: [path: string, status: number, text: string][] = [
  ['/', 200, 'home'],
  ['/?a=b', 200, 'home'],
  ['/index.html', 200, 'home'],
  ['/about', 200, 'about'],
  ['/about.html', 200, 'about'],
  ['/docs/', 200, 'docs'],
  ['/docs/a%20b.txt', 200, 'spaces'],
  ['/empty.txt', 200, ''],
  ['/alias.txt', 200, '0123456789'],
  ['/.well-known/security.txt', 200, 'well known'],
  ['/none', 404, 'nothing here'],
  ['/digits.txt/', 404, 'nothing here'],
];

for (const [path, status, text] of PAGES) {
  test(`${path} is answered with ${status}`, async () => {
    const answer = await ask(path);
    assert.deepEqual([answer.status, answer.text], [status, text]);
  });
}

const REFUSED = [
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/docs/..%2f..%2fsecret.txt',
  '/digits.txt%00.html',
  '/%',
  '/%c0%ae%c0%ae/secret.txt',
  '//docs/',
  '//[',
  '/.env',
  '/%2eenv',
  '/.git/config',
  '/out.txt',
  '/env.txt',
  'http://x/../secret.txt',
];

for (const path of REFUSED) {
  test(`${path} is refused`, async () => {
    const answer = await ask(path);
    assert.deepEqual([answer.status, answer.text], [404, 'nothing here']);
  });
}

test('each page has one place', async () => {
  const directory = await ask('/docs?a=1?2');
  assert.deepEqual([directory.status, directory.headers.location], [308, '/docs/?a=1?2']);
  const page = await ask('/about/');
  assert.deepEqual([page.status, page.headers.location], [308, '/about']);
});

test('only GET and HEAD are answered', async () => {
  const post = await ask('/', {}, 'POST');
  assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD']);
  const head = await ask('/digits.txt', {}, 'HEAD');
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '10', '']);
  const missing = await ask('/none', {}, 'HEAD');
  assert.deepEqual([missing.status, missing.text], [404, '']);
});

test('a client that has the file is not sent it again', async () => {
  const { etag } = (await ask('/digits.txt')).headers;
  assert.ok(etag);
  for (const tag of [etag, `"x", W/${etag}`, '*']) {
    const answer = await ask('/digits.txt', { 'if-none-match': tag });
    assert.deepEqual([answer.status, answer.text, answer.headers.etag], [304, '', etag]);
  }
  assert.equal((await ask('/digits.txt', { 'if-none-match': '"x"' })).status, 200);
  await writeFile(join(directory, 'site/digits.txt'), '0123456789');
  assert.equal((await ask('/digits.txt', { 'if-none-match': etag })).status, 200);
});

test('parts of a file', async () => {
  const part = async (range: string, more: Record<string, string> = {}) => {
    const { status, text, headers } = await ask('/digits.txt', { range, ...more });
    return [status, text, headers['content-range']];
  };
  assert.deepEqual(await part('bytes=2-4'), [206, '234', 'bytes 2-4/10']);
  assert.deepEqual(await part('bytes=7-'), [206, '789', 'bytes 7-9/10']);
  assert.deepEqual(await part('bytes=-3'), [206, '789', 'bytes 7-9/10']);
  assert.deepEqual(await part('bytes=0-99'), [206, '0123456789', 'bytes 0-9/10']);
  assert.deepEqual(await part('bytes=10-'), [416, '', 'bytes */10']);
  assert.deepEqual(await part('bytes=0-1,3-4'), [200, '0123456789', undefined]);
  assert.deepEqual(await part('lines=1-2'), [200, '0123456789', undefined]);
  assert.deepEqual(await part('bytes=2-4', { 'if-range': '"x"' }), [200, '0123456789', undefined]);
});

test('compressed versions beside a file are sent to who takes them', async () => {
  const with_ = async (encoding: string, more: Record<string, string> = {}) => {
    const { text, headers } = await ask('/app.3f9a1c2b.js', { 'accept-encoding': encoding, ...more });
    assert.equal(headers.vary, 'accept-encoding');
    assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
    return [text, headers['content-encoding'], headers.etag];
  };
  const [, , plain] = await with_('identity');
  const [brotli, br, tag] = await with_('gzip, deflate, br');
  assert.deepEqual([brotli, br], ['as brotli', 'br']);
  assert.notEqual(tag, plain);
  assert.deepEqual((await with_('gzip;q=0.5, br;q=0')).slice(0, 2), ['as gzip', 'gzip']);
  assert.deepEqual((await with_('br', { range: 'bytes=0-4' })).slice(0, 2), ['plain', undefined]);
  assert.equal((await ask('/about')).headers.vary, undefined);
});

test('only names with a hash are kept for good', async () => {
  const names = ['chunk-5JLRXF2A.js', 'index-DiwrgT4a.css', 'main.0a1b2c3d4e5f.png'];
  const plain = ['top-10-features.html', 'report-20240101.pdf', 'jquery-validate.js', 'app-3f9a1c2b.html', 'v1.2.3.js'];
  for (const name of [...names, ...plain]) await writeFile(join(directory, 'site', name), '');
  for (const name of names) assert.match(String((await ask(`/${name}`)).headers['cache-control']), /immutable/, name);
  for (const name of plain) assert.equal((await ask(`/${name}`)).headers['cache-control'], 'no-cache', name);
});
