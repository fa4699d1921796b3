import assert from 'node:assert/strict';
import { test } from 'node:test';
import { previewName } from '../../platform/databases/belonging.ts';
import { requireDatabaseName } from '../../platform/databases/limits.ts';

const name = (parent: string, branch: string, appId = 'a1') => previewName(parent, { appId, app: 'shop', branch });

test('a preview’s database is called after its parent and its git branch', () => {
  assert.match(name('main', 'feature/x'), /^main-feature-x-[0-9a-f]{6}$/);
  assert.match(name('main', 'Fix_The-Thing'), /^main-fix-the-thing-[0-9a-f]{6}$/);
  assert.match(name('main', 'été'), /^main-t-[0-9a-f]{6}$/);
  assert.match(name('main', '日本'), /^main-[0-9a-f]{6}$/);
});

test('whatever they are, it is a name for a database, and another one for each app and branch', () => {
  const parents = ['m', 'main', 'a-parent-with-a-name-of-forty-characters', 'fifteen-letters-x'];
  const branches = [
    'a',
    '-a-',
    'a--b',
    '1/2/3',
    'x'.repeat(200),
    `${'y'.repeat(20)}-${'z'.repeat(20)}`,
    '..',
    'A.b',
    'a.b',
  ];
  const seen = new Set<string>();
  for (const parent of parents) {
    for (const branch of branches) {
      for (const app of ['a1', 'a2']) {
        const made = name(parent, branch, app);
        requireDatabaseName(made);
        assert.ok(!seen.has(made), made);
        seen.add(made);
      }
    }
  }
});
