import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ThawError } from '../../platform/errors.ts';
import { extractVmlinux } from '../../runtime-images/kernel/extract-vmlinux.ts';
import { modulesInOrder } from '../../runtime-images/kernel/modules.ts';
import { scratch } from './scratch.ts';

const ELF = Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(300, 'kernel ')]);

/** The least of a bzImage: one setup sector, 16 bytes of decompressor, the payload and its size. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(1024);
  setup.writeUInt8(1, 0x1f1);
  setup.write('HdrS', 0x202);
  setup.writeUInt32LE(16, 0x248);
  setup.writeUInt32LE(payload.length + 4, 0x24c);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(ELF.length);
  return Buffer.concat([setup, Buffer.alloc(16), payload, size, Buffer.from('signature')]);
}

/** `ELF` as LZ4 by hand: 11 literals, then a match of 293 bytes at distance 7, which overlaps itself; then no more. */
function lz4Legacy(): Buffer {
  const literals = ELF.subarray(0, 11);
  const match = ELF.length - literals.length - 5;
  const block = Buffer.concat([
    Buffer.from([(11 << 4) | 15]),
    literals,
    Buffer.from([7, 0, 255, match - 4 - 15 - 255]),
    Buffer.from([5 << 4]),
    ELF.subarray(-5),
  ]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32LE(0x184c2102, 0);
  frame.writeUInt32LE(block.length, 4);
  return Buffer.concat([frame, block]);
}

test('the ELF kernel comes out of a bzImage, however it is packed', () => {
  for (const payload of [ELF, gzipSync(ELF), zstdCompressSync(ELF), lz4Legacy()]) {
    assert.deepEqual(extractVmlinux(bzImage(payload)), ELF);
  }
});

test('what is no kernel is refused with a reason', () => {
  const refused = (image: Buffer, reason: RegExp) =>
    assert.throws(
      () => extractVmlinux(image),
      (error) => error instanceof ThawError && error.code === 'misconfigured' && reason.test(error.message),
    );
  refused(Buffer.alloc(4096), /not an x86 bzImage/);
  refused(bzImage(Buffer.from('\xfd7zXZ....', 'latin1')), /unknown format/);
  refused(bzImage(gzipSync(Buffer.from('not an ELF file'))), /not an ELF/);
});

test('modules come after what they depend on, without those built in', async () => {
  await using dir = await scratch();
  await mkdir(join(dir.path, 'kernel/drivers'), { recursive: true });
  await writeFile(join(dir.path, 'modules.builtin'), 'kernel/fs/ext4.ko\nkernel/lib/crc16.ko\n');
  const module = (name: string, depends: string) =>
    writeFile(join(dir.path, 'kernel/drivers', `${name}.ko`), `\x7fELF\0license=GPL\0depends=${depends}\0name=x\0`);
  await module('virtio_net', 'net-failover,virtio');
  await module('net-failover', 'crc16');
  await module('virtio', '');
  const modules = await modulesInOrder(dir.path, ['ext4', 'virtio_net', 'virtio']);
  assert.deepEqual(
    modules.map(({ name }) => name),
    ['net_failover', 'virtio', 'virtio_net'],
  );
  await assert.rejects(modulesInOrder(dir.path, ['absent']), { code: 'misconfigured' });
});
