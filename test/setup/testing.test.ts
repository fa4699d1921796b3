import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../fixtures/control.ts';

const RUNNER = new URL('../../platform/setup/testing/node-tests.ts', import.meta.url).href;
const TEST = fileURLToPath(new URL('../../platform/setup/test.ts', import.meta.url));

/** Runs one test file with that text, in a process that is no test itself: node:test refuses to run tests in tests. */
async function outcomeOf(text: string) {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'test/room'), { recursive: true });
  await writeFile(join(directory.path, 'test/room/a.test.ts'), `import { test, describe } from 'node:test';\n${text}`);
  const program = `
    const { runTestFile } = await import(${JSON.stringify(RUNNER)});
    const outcome = await runTestFile(${JSON.stringify(directory.path)}, 'test/room/a.test.ts', new AbortController().signal);
    process.stdout.write(JSON.stringify(outcome));`;
  await writeFile(join(directory.path, 'runner.mjs'), program);
  const { said } = await node([join(directory.path, 'runner.mjs')]);
  return JSON.parse(said) as { room: string; passed: number; failed: number; skipped: number; said: string };
}

async function node(argv: string[]): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, argv, { env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'pipe', 2] });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const said = (await (child.stdout as Readable).setEncoding('utf8').toArray()).join('');
  return { code: await closed, said };
}

test('counts tests, and tells failures in full with the names around them', async () => {
  const { said, ...counts } = await outcomeOf(`
    describe('outer', () => {
      test('good', () => {});
      test('bad', () => { console.log('a word before'); throw new TypeError('the reason'); });
    });
    test('later', { skip: true }, () => {});`);
  assert.deepEqual(
    { ...counts, ms: 0 },
    { name: 'test/room/a.test.ts', room: 'room', passed: 1, failed: 1, skipped: 1, ms: 0 },
  );
  assert.match(said, /^outer > bad\n {2}TypeError.*: the reason\n +at /);
  assert.match(said, /The file wrote:\n {2}a word before$/);
});

test('a file that does not load counts as failed', async () => {
  const { failed, said } = await outcomeOf("import './missing.ts';");
  assert.equal(failed, 1);
  assert.match(said, /Cannot find module/);
});

test('a process that ends early counts as failed', async () => {
  assert.equal((await outcomeOf("test('good', () => {}); process.exit(3);")).failed, 1);
});

test('nothing to run is a failure too', async () => {
  const { code, said } = await node([TEST, 'no-such-room']);
  assert.equal(code, 1);
  assert.equal(said.trimEnd().split('\n').at(-1), '0 passed, 0 failed');
});
