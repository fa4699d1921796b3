import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../fixtures/server.ts';

const PROGRAM = fileURLToPath(new URL('python_sdk.py', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../platform/sdk/python', import.meta.url));

test("the package for Python against a real server, by this machine's own Python", async () => {
  await using server = await startServer();
  const env = {
    PATH: process.env.PATH,
    PYTHONPATH: PACKAGE,
    PYTHONDONTWRITEBYTECODE: '1',
    THAW_URL: server.url,
    THAW_API_KEY: server.key,
  };
  const { code, said } = await new Promise<{ code: unknown; said: string }>((resolve) => {
    execFile('python3', [PROGRAM], { env }, (error, _stdout, stderr) =>
      resolve({ code: error?.code ?? 0, said: stderr }),
    );
  });
  assert.equal(code, 0, said);
  assert.match(said, /^Ran 6 tests/m);
  for (const sandbox of await server.thaw.sandboxes.list()) await sandbox.kill();
});
