import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelOf } from '../../router/resolve.ts';
import { RouteTable } from '../../router/table.ts';
import { routeTo } from './stand.ts';

test('a host name of one label before the domain names that label, whatever its case, port or final dot', () => {
  for (const host of [
    'shop.localhost',
    'SHOP.LocalHost',
    'shop.localhost:8080',
    'shop.localhost.',
    'shop.localhost.:80',
  ]) {
    assert.equal(labelOf(host, 'localhost'), 'shop', host);
  }
  assert.equal(labelOf('fix-1--shop.apps.example.org', 'apps.example.org'), 'fix-1--shop');
});

test('every other host name names nothing', () => {
  const hosts = [
    '',
    'localhost',
    '.localhost',
    'a.b.localhost',
    'shop.localhost.evil.org',
    'shop.evil.org',
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
    '[::1]:8080',
    '__proto__.localhost',
    `${'a'.repeat(64)}.localhost`,
    `${'a'.repeat(300)}.localhost`,
    'shop..localhost',
    ' shop.localhost',
  ];
  for (const host of hosts) assert.equal(labelOf(host, 'localhost'), undefined, host);
  assert.equal(labelOf(undefined, 'localhost'), undefined);
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
