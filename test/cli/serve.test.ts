import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../fixtures/control.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('serve becomes the server: the same process, its environment, its signals, its exit code', async () => {
  await using directory = await temporaryDirectory();
  const copy = directory.path;
  for (const part of ['platform/cli', 'platform/sdk', 'package.json']) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  await writeFile(
    join(copy, 'platform/main.ts'),
    `const going = setInterval(() => undefined, 1000);
    process.once('SIGTERM', () => { clearInterval(going); process.exitCode = 3; });
    console.log(process.pid, process.env.THAW_DATA);`,
  );
  const env = { PATH: process.env.PATH ?? '', THAW_DATA: '/somewhere' };
  const child = spawn(join(copy, 'platform/cli/thaw.sh'), ['serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const [line] = await once(createInterface(child.stdout), 'line');
  assert.equal(line, `${child.pid} /somewhere`);
  child.kill('SIGTERM');
  assert.deepEqual(await closed, [3, null]);
});
