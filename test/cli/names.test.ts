import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultAppName, slug } from '../../platform/cli/app-name.ts';
import { table } from '../../platform/cli/table.ts';
import { ago, duration } from '../../platform/cli/time.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

test('any text becomes a name that an app may have', () => {
  assert.equal(slug('Hello World'), 'hello-world');
  assert.equal(slug('a--b__c'), 'a-b-c');
  assert.equal(slug('-x-'), 'x');
  assert.equal(slug('Über Café'), 'uber-cafe');
  assert.equal(slug('3000-app'), 'app-3000-app');
  assert.equal(slug('007'), '007');
  assert.equal(slug('日本'), '');
  assert.equal(slug(`${'a'.repeat(39)}-b`), 'a'.repeat(39));
});

test('an app is called like its package, else like its directory', async () => {
  await using directory = await temporaryDirectory();
  const root = join(directory.path, 'My Site');
  await mkdir(root);
  assert.equal(await defaultAppName(root), 'my-site');
  await writeFile(join(root, 'package.json'), '{"name":"@acme/shop"}');
  assert.equal(await defaultAppName(root), 'shop');
  await writeFile(join(root, 'package.json'), '{nonsense');
  assert.equal(await defaultAppName(root), 'my-site');
});

test('a directory whose name can be no host name needs --app', async () => {
  await using directory = await temporaryDirectory();
  const root = join(directory.path, '日本');
  await mkdir(root);
  await assert.rejects(defaultAppName(root), { code: 'invalid_input', hint: 'Name the app with --app.' });
});

test('columns are as wide as their widest cell, and lines end without spaces', () => {
  assert.equal(
    table(
      ['A', 'B'],
      [
        ['one', 'x'],
        ['1', ''],
      ],
    ),
    'A    B\none  x\n1',
  );
});

test('times are told in their largest unit', () => {
  const now = new Date('2026-01-02T00:00:00Z');
  assert.equal(ago('2026-01-01T23:59:59.500Z', now), 'just now');
  assert.equal(ago('2026-01-01T23:58:59Z', now), '1 min ago');
  assert.equal(ago('2025-12-30T00:00:00Z', now), '3 d ago');
  assert.equal(ago(null, now), 'never');
  assert.equal(duration(185.4), '185 ms');
  assert.equal(duration(4210), '4.2 s');
});
