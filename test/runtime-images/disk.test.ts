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

test("the node image's addon lets OpenSSL draw from the kernel, and shows a file that changes", async () => {
  await using dir = await scratch();
  const source = node.addons[0]?.source ?? '';
  const addon = join(dir.path, 'renewal.node');
  await compileAddon(source, addon, NEVER);
  const page = join(dir.path, 'page');
  await writeFile(page, Buffer.alloc(4096));
  const program = `
    const m = { exports: {} }; process.dlopen(m, ${JSON.stringify(addon)});
    const { randomBytes, generateKeyPairSync } = process.getBuiltinModule('crypto');
    const { writeFileSync } = process.getBuiltinModule('fs');
    const page = new Uint32Array(m.exports.watch(${JSON.stringify(page)}));
    const before = page[0];
    writeFileSync(${JSON.stringify(page)}, Buffer.from([7, 0, 0, 0]), { flag: 'r+' });
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const thrown = (path) => { try { m.exports.watch(path) } catch ({ message }) { return message } };
    console.log(JSON.stringify([before, page[0], new Set([randomBytes(1000), randomBytes(1000)].map(String)).size,
      keys.privateKey.type, thrown('/nothing'), thrown()]));`;
  const said = JSON.parse(await run(process.execPath, ['--eval', program], { signal: NEVER }));
  assert.deepEqual(said, [0, 7, 2, 'private', 'the renewal page cannot be opened', 'watch takes a path']);
});
