import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Sandbox } from '../../platform/sdk/index.ts';
import { sandboxStand } from './sandbox-stand.ts';

const MIB = 1024 * 1024;

describe('the disk of a sandbox', () => {
  const stand = sandboxStand();

  /** MiB of the root file system, as programs see it. */
  const seen = async (sandbox: Sandbox) => {
    const { stdout } = await sandbox.exec('stat -f -c "%b %S" /');
    const [blocks = 0, size = 0] = stdout.split(' ').map(Number);
    return (blocks * size) / MIB;
  };
  const near = (found: number, wanted: number) =>
    assert.ok(found <= wanted && found > wanted * 0.95, `${found} MiB where ${wanted} were asked for`);

  test('has the size that was asked for, in copies and templates too', async () => {
    const sandbox = await stand.create({ diskMiB: 6144 });
    assert.equal(sandbox.info.diskMiB, 6144);
    near(await seen(sandbox), 6144);
    // More than the template's disk has, and at its end.
    const { stderr, exitCode } = await sandbox.exec(
      'fallocate -l 5500M large && echo end | dd of=large bs=1M seek=5400 conv=notrunc status=none && sync',
    );
    assert.equal(exitCode, 0, stderr);
    const last = 'dd if=large bs=1M skip=5400 count=1 status=none | head -c 4';
    await sandbox.pause();
    assert.equal((await sandbox.exec(last)).stdout, 'end\n');
    const [copy] = await sandbox.fork();
    assert.ok(copy);
    assert.equal(copy.info.diskMiB, 6144);
    assert.equal((await copy.exec(`${last}; fallocate -l 300M more`)).stdout, 'end\n');
    await copy.kill();
    await sandbox.exec('rm large; echo kept >note');
    await sandbox.snapshot('larger');
    const again = await stand.create({ template: 'larger' });
    assert.equal(again.info.diskMiB, 6144);
    near(await seen(again), 6144);
    assert.equal((await again.exec('cat note; fallocate -l 5500M large')).stdout, 'kept\n');
    const larger = await stand.create({ template: 'larger', diskMiB: 8192 });
    near(await seen(larger), 8192);
    assert.equal((await larger.exec('cat note')).stdout, 'kept\n');
    assert.equal((await stand.refusal(stand.create({ template: 'larger', diskMiB: 4096 }))).code, 'invalid_input');
  });

  test('a full disk is an error of programs, and nothing worse', async () => {
    const sandbox = await stand.create();
    assert.equal(sandbox.info.diskMiB, 4096);
    const { exitCode, stderr } = await sandbox.exec('fallocate -l 5G large');
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /No space left on device/);
    // What it could have is taken; the rest goes in small pieces.
    await sandbox.exec('yes >rest');
    const full = await sandbox.exec('head -c 100000 /dev/zero >note');
    assert.match(full.stderr, /No space left on device/);
    const refused = await stand.refusal(sandbox.files.write('/app/file', 'x'.repeat(100_000)));
    assert.match(refused.message, /full|space/i);
    await assert.rejects(sandbox.files.makeDirectory('/app/some/new/directory'));
    assert.equal((await sandbox.exec('echo works')).stdout, 'works\n');
    await sandbox.pause();
    await sandbox.exec('rm large rest');
    await sandbox.files.write('/app/file', 'fits');
    assert.equal(await sandbox.files.read('/app/file'), 'fits');
  });

  test('a size that cannot be is refused', async () => {
    for (const diskMiB of [0, -1, 100, 4095, 4096.5, 1e9]) {
      const { code, status } = await stand.refusal(stand.create({ diskMiB }));
      assert.deepEqual([code, status], ['invalid_input', 400], String(diskMiB));
    }
  });
});
