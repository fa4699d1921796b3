import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOf } from '../../router/resolve.ts';
import { RouteTable } from '../../router/table.ts';
import { ask } from './client.ts';
import { openStand, routeTo } from './stand.ts';

test('a host name of one label before the domain names that label, whatever its case, port or final dot', () => {
  for (const host of [
    'shop.localhost',
    'SHOP.LocalHost',
    'shop.localhost:8080',
    'shop.localhost.',
    'shop.localhost.:80',
  ]) {
    assert.equal(nameOf(host, 'localhost'), 'shop', host);
  }
  assert.equal(nameOf('fix-1--shop.apps.example.org', 'apps.example.org'), 'fix-1--shop');
});

test('a host name elsewhere is taken as a whole, whatever its case, port or final dot', () => {
  for (const host of ['www.example.com', 'WWW.Example.COM', 'www.example.com:8443', 'www.example.com.']) {
    assert.equal(nameOf(host, 'localhost'), 'www.example.com', host);
  }
  assert.equal(nameOf('shop.localhost.evil.org', 'localhost'), 'shop.localhost.evil.org');
  assert.equal(nameOf('notapps.example.org', 'apps.example.org'), 'notapps.example.org');
  const longest = `${'a.'.repeat(126)}a`;
  assert.equal(nameOf(`${longest}.:65535`, 'localhost'), longest);
});

test("what is no host name, or the platform's own, names nothing", () => {
  const hosts = [
    '',
    'localhost',
    'localhost.',
    'elsewhere',
    '.localhost',
    'a.b.localhost',
    '*.localhost',
    '*.example.com',
    'www..example.com',
    '.example.com',
    'www.-example.com',
    'www.exam_ple.com',
    'shop.localhost:80:80',
    'shop.localhost:',
    'shop.localhost:port',
    'shop.localhost:123456',
    '-shop.localhost',
    'shop-.localhost',
    'sh_op.localhost',
    'shop@evil.localhost',
    '../x.localhost',
    'shop%00.localhost',
    '127.0.0.1',
    '127.0.0.1:8080',
    '[::1]:8080',
    '__proto__.localhost',
    `${'a'.repeat(64)}.localhost`,
    `${'a'.repeat(64)}.example.com`,
    `${'a'.repeat(300)}.localhost`,
    'shop..localhost',
    ' shop.localhost',
  ];
  for (const host of hosts) assert.equal(nameOf(host, 'localhost'), undefined, host);
  assert.equal(nameOf(undefined, 'localhost'), undefined);
});

test('a host name of its own comes before a wildcard, which covers one label and no more', () => {
  const table = new RouteTable();
  table.replace([
    { ...routeTo('shop'), label: 'www.example.com' },
    { ...routeTo('pages'), label: '*.example.com' },
    routeTo('example'),
  ]);
  assert.equal(table.get('www.example.com')?.app, 'shop');
  assert.equal(table.get('blog.example.com')?.app, 'pages');
  assert.equal(table.get('example')?.app, 'example');
  for (const name of ['example.com', 'a.b.example.com', 'www.example.org', 'com']) {
    assert.equal(table.get(name), undefined, name);
  }
});

test('requests find their app by its own host names', async () => {
  await using stand = await openStand({ app: () => (req, res) => res.end(String(req.headers['x-forwarded-host'])) });
  const shop = routeTo('shop');
  stand.table.replace([shop, { ...shop, label: 'www.example.com' }, { ...shop, label: '*.shop.example' }]);
  for (const host of ['shop.localhost', 'WWW.example.com:8080', 'any.shop.example.']) {
    assert.equal((await ask({ port: stand.port, host })).body, host);
  }
  assert.deepEqual(stand.thawed, ['i1']);
  const { status, body } = await ask({ port: stand.port, host: 'a.b.shop.example' });
  assert.equal(status, 404);
  assert.match(body, /There is no app at a\.b\.shop\.example\./);
});

test('a change replaces the whole table and tells which deployments nothing leads to any more', () => {
  const table = new RouteTable();
  assert.deepEqual(table.replace([routeTo('a'), routeTo('b')]), []);
  const preview = { ...routeTo('a--preview'), deployment: 'd-a' };
  assert.deepEqual(table.replace([preview, routeTo('c')]), ['d-b']);
  assert.equal(table.get('a'), undefined);
  assert.equal(table.get('a--preview')?.deployment, 'd-a');
  assert.equal(table.get('constructor'), undefined);
});

test('a deployment that only its own name still leads to has left the front', () => {
  const table = new RouteTable();
  const own = { ...routeTo('d1--shop'), deployment: 'd1' };
  const next = { ...routeTo('d2--shop'), deployment: 'd2' };
  table.replace([{ ...routeTo('shop', { minInstances: 2 }), deployment: 'd1' }, own, { ...next, front: false }]);
  assert.deepEqual(
    table.kept().map(({ deployment }) => deployment),
    ['d1'],
  );
  const now = [{ ...routeTo('shop'), deployment: 'd2' }, { ...own, front: false }, next];
  assert.deepEqual(table.replace(now), ['d1']);
  assert.deepEqual(table.replace(now), []);
  assert.deepEqual(table.kept(), []);
});

test('among ten thousand names each is found at once', () => {
  const table = new RouteTable();
  table.replace(Array.from({ length: 10_000 }, (_, n) => routeTo(n % 2 === 0 ? `app${n}` : `*.site${n}.example`)));
  const times: number[] = [];
  for (let n = 0; n < 10_000; n += 1) {
    const host = n % 2 === 0 ? `app${n}.localhost:8080` : `www.site${n}.example`;
    const began = performance.now();
    const found = table.get(nameOf(host, 'localhost') ?? '');
    times.push(performance.now() - began);
    assert.ok(found !== undefined);
  }
  times.sort((a, b) => a - b);
  assert.ok((times[9900] as number) < 1, `p99 is ${times[9900]} ms`);
});
