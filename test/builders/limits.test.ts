import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { BuildOutput } from '../../builders/build-output.ts';
import { LineSplitter, plainLine } from '../../builders/plain-text.ts';
import { limited, packFiles } from '../../builders/tar.ts';

test('foreign text loses everything that could deceive a terminal', () => {
  assert.equal(plainLine('\u001b[31mred\u001b[0m \u001b]0;title\u0007x\u0000\b\ttab\r'), 'red x\ttab');
  assert.equal(plainLine('a\u202eb\u2066c\u200bd\u009b31me'), 'abcde');
  assert.equal(plainLine('x'.repeat(5000)).length, 1003);
});

test('lines are put together across chunks, and an endless one stays bounded', () => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  const bytes = new TextEncoder().encode('é1\nsecond');
  splitter.push(bytes.subarray(0, 1));
  splitter.push(bytes.subarray(1));
  for (let i = 0; i < 100; i++) splitter.push(new TextEncoder().encode('y'.repeat(1000)));
  splitter.end();
  assert.equal(lines[0], 'é1');
  assert.ok((lines[1]?.length ?? 0) <= 4000);
});

test('a packed file is what tar unpacks', async () => {
  const content = new TextEncoder().encode('x'.repeat(700));
  const tar = Buffer.concat(await Array.fromAsync(packFiles([{ path: 'a/b.mjs', content }])));
  assert.equal(execFileSync('tar', ['-xO', 'a/b.mjs'], { input: tar }).toString(), 'x'.repeat(700));
});

test('a stream over its limit ends with a clear error', async () => {
  const stream = async function* () {
    for (;;) yield new Uint8Array(1 << 20);
  };
  await assert.rejects(Array.fromAsync(limited(stream(), 2 << 20, 'The source')), { code: 'too_large' });
});

test('a build that says nonsense, or an entry out of its tree, has not succeeded', () => {
  const say = (...lines: string[]) => {
    const output = new BuildOutput(() => {});
    output.push(new TextEncoder().encode(lines.join('\n')));
    return output;
  };
  assert.throws(() => say('{', 'null', '[]').outcome('built'), { code: 'build_failed' });
  const built = { kind: 'function', runtime: 'node', root: '' };
  for (const entry of ['../x', '/x', 'a/../../x', 'a/..', '']) {
    assert.throws(
      () => say(JSON.stringify({ built: { ...built, entry, name: 'x' } })).outcome('built'),
      { code: 'build_failed' },
      entry,
    );
  }
  const whole = { ...built, entry: 'src/a.bundle.mjs', name: 'src/a.ts' };
  assert.deepEqual(say(JSON.stringify({ built: whole })).outcome('built'), whole);
  assert.throws(() => say(JSON.stringify({ built: whole })).outcome('plan'), { code: 'build_failed' });
});
