import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../fixtures/control.ts';
import { startServer, type TestServer } from '../sdk/server.ts';
import { THAW, thaw } from './command.ts';

describe('thaw volume', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer();
    env = { THAW_URL: server.url, THAW_DATA: server.dataDir };
  });
  after(() => server[Symbol.asyncDispose]());

  const run = (...args: string[]) => thaw(['volume', ...args], { env });
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };

  test('makes, lists, attaches, detaches, resizes and removes', async () => {
    assert.equal(await said('create', 'data', '--size', '32MB'), 'Created the volume data, 32 MiB.\n');
    await thaw(['apps', 'create', 'shop'], { env });
    assert.equal(await said('attach', 'data', 'shop', '/data'), 'data is attached to shop at /data.\n');
    assert.match(
      await said(),
      /^NAME +PROJECT +SIZE +USED +APP +IN USE BY +CREATED\ndata +default +32 MiB +\d MiB +shop:\/data \(next\) +- /,
    );
    const refused = await run('rm', 'data');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /attached to shop[\s\S]*thaw volume detach data/);
    assert.equal(await said('detach', 'data'), 'data is attached to nothing.\n');
    assert.equal(await said('resize', 'data', '48'), 'data has 48 MiB.\n');
    assert.equal(await said('rm', 'data'), 'Removed data.\n');
    assert.equal((await run('create', 'data', '--size', 'big')).code, 2);
  });

  test('keeps, restores, clones, exports and imports', async () => {
    await said('create', 'data', '--size', '32MB');
    assert.equal(await said('snapshot', 'data', 'first'), 'data is kept as first.\n');
    assert.match(await said('snapshots', 'data'), /^SNAPSHOT +SIZE +USED +CREATED\nfirst +32 MiB/);
    assert.equal(await said('restore', 'data', 'first'), 'data is what it was at first.\n');
    assert.equal(await said('clone', 'data', 'copy', '--snapshot', 'first'), 'Created the volume copy, 32 MiB.\n');
    assert.equal(await said('snapshot', 'data', 'first', '--rm'), 'Removed the snapshot first of data.\n');

    await using directory = await temporaryDirectory();
    const image = join(directory.path, 'image.gz');
    const { PATH = '', HOME = '/' } = process.env;
    const sh = (line: string) => promisify(execFile)('sh', ['-c', line, THAW, image], { env: { PATH, HOME, ...env } });
    await sh('"$0" volume export copy > "$1"');
    assert.ok((await stat(image)).size < 1024 * 1024);
    assert.equal(await said('import', 'back', image), 'Created the volume back, 32 MiB.\n');
    assert.equal((await sh('"$0" volume import again < "$1"')).stdout, 'Created the volume again, 32 MiB.\n');
    const checked = await sh('gunzip -c "$1" > "$1.raw" && e2fsck -fn "$1.raw"');
    assert.match(checked.stdout, /clean|files/);
    for (const name of ['data', 'copy', 'back', 'again']) await said('rm', name);
  });
});
