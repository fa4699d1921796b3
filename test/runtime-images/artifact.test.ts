import assert from 'node:assert/strict';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureArtifact, type Recipe } from '../../runtime-images/cache/artifact.ts';
import { pruneArtifacts } from '../../runtime-images/cache/prune.ts';
import { scratch } from './scratch.ts';

function recipe(definition: unknown, built: unknown[] = []): Recipe<'disk'> {
  return {
    name: 'thing',
    definition,
    parts: ['disk'],
    async build(dir) {
      built.push(definition);
      await writeFile(join(dir, 'disk'), `made from ${JSON.stringify(definition)}`);
      return { release: '1' };
    },
  };
}

test('an artifact is built once and then taken from the directory', async () => {
  await using dir = await scratch();
  const built: unknown[] = [];
  const first = await ensureArtifact(dir.path, recipe({ version: 1 }, built));
  const second = await ensureArtifact(dir.path, recipe({ version: 1 }, built));
  assert.deepEqual([first.built, second.built, built.length], [true, false, 1]);
  assert.equal(second.path('disk'), first.path('disk'));
  assert.equal(await readFile(second.path('disk'), 'utf8'), 'made from {"version":1}');
  assert.deepEqual(second.facts, { release: '1' });
});

test('a changed definition is another artifact beside the first', async () => {
  await using dir = await scratch();
  const one = await ensureArtifact(dir.path, recipe({ version: 1 }));
  const two = await ensureArtifact(dir.path, recipe({ version: 2 }));
  assert.notEqual(one.hash, two.hash);
  assert.equal(await readFile(one.path('disk'), 'utf8'), 'made from {"version":1}');
});

test('what is not whole is built again', async () => {
  await using dir = await scratch();
  const { path } = await ensureArtifact(dir.path, recipe('x'));
  await truncate(path('disk'), 3);
  assert.equal((await ensureArtifact(dir.path, recipe('x'))).built, true);
  await writeFile(path('json'), '{"name":');
  assert.equal((await ensureArtifact(dir.path, recipe('x'))).built, true);
  assert.equal(await readFile(path('disk'), 'utf8'), 'made from "x"');
});

test('a build that fails leaves nothing behind', async () => {
  await using dir = await scratch();
  const failing: Recipe<'disk'> = {
    ...recipe('x'),
    async build(work) {
      await writeFile(join(work, 'disk'), 'half');
      throw new RangeError('no space');
    },
  };
  await assert.rejects(ensureArtifact(dir.path, failing), RangeError);
  assert.deepEqual(await readdir(dir.path), []);
});

test('pruning keeps the newest two, the current one whatever its age, and removes remains', async () => {
  await using dir = await scratch();
  const oldest = await ensureArtifact(dir.path, recipe(0));
  for (const version of [1, 2, 3]) await ensureArtifact(dir.path, recipe(version));
  const newest = await ensureArtifact(dir.path, recipe(4));
  await writeFile(join(dir.path, '.building-killed'), '');
  await pruneArtifacts(dir.path, new Set([oldest.hash]));
  const kept = [newest, oldest].flatMap(({ hash }) => [`thing-${hash}.disk`, `thing-${hash}.json`]);
  assert.deepEqual((await readdir(dir.path)).sort(), kept.sort());
});
