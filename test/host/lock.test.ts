import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lockFile } from '../../platform/host/lock.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const MODULE = fileURLToPath(new URL('../../platform/host/lock.ts', import.meta.url));

it('is had by one at a time, and leaves no file', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.lock');
  let inside = 0;
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      await using _lock = await lockFile(path);
      inside += 1;
      assert.equal(inside, 1);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    }),
  );
  assert.deepEqual(await readdir(directory.path), []);
});

it('is waited for no longer than the signal lets', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.lock');
  await using _lock = await lockFile(path);
  await assert.rejects(lockFile(path, AbortSignal.timeout(10)), { name: 'AbortError' });
});

it('is taken over from a process that was killed', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.lock');
  const code = `import { lockFile } from ${JSON.stringify(MODULE)};
    await lockFile(${JSON.stringify(path)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await assert.rejects(lockFile(path, AbortSignal.timeout(100)), { name: 'AbortError' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using _lock = await lockFile(path, AbortSignal.timeout(2_000));
});

it('is taken over from a process whose id another one has now', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.lock');
  await writeFile(path, `${process.pid} 1\n`);
  await using _lock = await lockFile(path, AbortSignal.timeout(2_000));
});
