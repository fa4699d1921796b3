import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compileAddon } from '../../runtime-images/disk/addon.ts';
import { packExt4 } from '../../runtime-images/disk/ext4.ts';
import { node } from '../../runtime-images/node/image.ts';
import { run } from '../../runtime-images/run.ts';
import { NEVER, scratch } from './scratch.ts';

const DISK_BYTES = 64 * 1024 ** 2;

test('a tree becomes a sound, sparse disk without a journal', async () => {
  await using dir = await scratch();
  const tree = join(dir.path, 'tree');
  await mkdir(join(tree, 'etc'), { recursive: true });
  await writeFile(join(tree, 'etc/motd'), 'hello', { mode: 0o640 });
  await symlink('motd', join(tree, 'etc/link'));
  const disk = join(dir.path, 'disk');
  await packExt4('thaw-test', tree, DISK_BYTES, disk, NEVER);

  const { size, blocks } = await stat(disk);
  assert.equal(size, DISK_BYTES);
  assert.ok(blocks * 512 < DISK_BYTES / 10, 'is sparse');
  await run('e2fsck', ['-fn', disk], { signal: NEVER });
  assert.equal(await run('debugfs', ['-R', 'cat /etc/motd', disk], { signal: NEVER }), 'hello');
  assert.doesNotMatch(await run('dumpe2fs', ['-h', disk], { signal: NEVER }), /has_journal/);
});

test("the node image's addon reseeds OpenSSL inside a Node process", async () => {
  await using dir = await scratch();
  const source = node.addons[0]?.source ?? '';
  const addon = join(dir.path, 'reseed.node');
  await compileAddon(source, addon, NEVER);
  const program = `const m = { exports: {} }; process.dlopen(m, ${JSON.stringify(addon)}); console.log(m.exports.reseed())`;
  assert.equal(await run(process.execPath, ['--eval', program], { signal: NEVER }), 'true\n');
});
