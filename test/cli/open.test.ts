import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, symlink, watch, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../fixtures/control.ts';
import { startServer } from '../sdk/server.ts';
import { thaw } from './command.ts';

async function appears(directory: string, file: string): Promise<void> {
  for await (const { filename } of watch(directory, { signal: AbortSignal.timeout(60_000) })) {
    if (filename === file) return;
  }
}

test('open shows the address in a browser where there is a screen, and only prints it where there is none', async () => {
  await using server = await startServer();
  await using directory = await temporaryDirectory();
  await server.control.apps.create('hello', 'default');
  const [browser, shown] = [join(directory.path, 'xdg-open'), join(directory.path, 'shown')];
  await writeFile(browser, `#!/bin/sh\necho "$1" >"${shown}.part" && mv "${shown}.part" "${shown}"\n`);
  await chmod(browser, 0o755);
  const env = { THAW_URL: server.url, THAW_API_KEY: server.adminKey };
  const PATH = `${directory.path}:${process.env.PATH}`;
  const address = 'http://hello.localhost:8080/\n';

  const printed = await thaw(['open', 'hello'], { env: { ...env, PATH } });
  assert.equal(printed.stdout, address);
  await assert.rejects(readFile(shown), { code: 'ENOENT' });

  const changed = appears(directory.path, 'shown');
  const opened = await thaw(['open', 'hello'], { env: { ...env, PATH, DISPLAY: ':0' } });
  assert.equal(opened.stdout, address);
  await changed;
  assert.equal(await readFile(shown, 'utf8'), address);

  // All that the command itself runs, and nothing that shows a page.
  const bare = join(directory.path, 'bare');
  await mkdir(bare);
  for (const name of ['dirname', 'readlink']) await symlink(`/usr/bin/${name}`, join(bare, name));
  const missing = await thaw(['open', 'hello'], { env: { ...env, PATH: bare, DISPLAY: ':0' } });
  assert.equal(missing.code, 0);
  assert.match(missing.stderr, /No browser could be opened/);
});
