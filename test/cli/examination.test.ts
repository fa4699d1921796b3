import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { examine } from '../../platform/cli/examination.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const env = { PATH: process.env.PATH ?? '' };
const { signal } = new AbortController();

async function examineWith(source: string): Promise<{ findings: unknown[] }> {
  await using directory = await temporaryDirectory();
  const program = join(directory.path, 'doctor.mjs');
  await writeFile(program, source);
  return await examine(program, { env, signal });
}

test('what the examination prints is taken, also when it ends as failed', async () => {
  const finding = {
    name: 'qemu',
    status: 'lacking',
    detail: 'There is none.',
    remedy: 'apt-get install qemu-system-x86',
  };
  const printed = JSON.stringify(JSON.stringify({ findings: [finding] }));
  const examined = await examineWith(
    `if (process.argv[2] === '--json') console.log(${printed}); process.exitCode = 1;`,
  );
  assert.deepEqual(examined, { findings: [finding] });
});

test('an examination that prints something else, or fails, is an error with its cause', async () => {
  await assert.rejects(examineWith('console.log("{}")'), { name: 'ThawApiError', code: 'internal' });
  await assert.rejects(examineWith('throw new TypeError("no disk")'), (error: Error) => {
    assert.equal(error.message, 'The examination of this machine failed: no disk');
    return error.cause instanceof Error;
  });
});
