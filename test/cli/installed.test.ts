import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../fixtures/control.ts';
import { THAW } from './command.ts';

const run = promisify(execFile);

test('the command runs through symbolic links, from any directory', async () => {
  await using directory = await temporaryDirectory();
  await symlink(THAW, join(directory.path, 'first'));
  await symlink('first', join(directory.path, 'thaw'));
  const { stdout } = await run(join(directory.path, 'thaw'), ['--version'], { cwd: '/' });
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('without the packages it says what to run', async () => {
  await using directory = await temporaryDirectory();
  const cli = join(directory.path, 'platform/cli');
  await mkdir(cli, { recursive: true });
  await copyFile(THAW, join(cli, 'thaw.sh'));
  await assert.rejects(run(join(cli, 'thaw.sh'), ['apps']), { code: 1, stderr: /^Error: .*\nRun "npm install" in / });
});
