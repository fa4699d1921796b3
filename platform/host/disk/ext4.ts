import { open } from 'node:fs/promises';
import { ThawError } from '../../errors.ts';
import { run } from '../run.ts';

/** The superblock begins here, in bytes; the kernel's Documentation/filesystems/ext4/super.rst has its fields. */
const SUPERBLOCK_AT = 1024;
const SUPERBLOCK_SIZE = 1024;
const MAGIC = 0xef53;
const INCOMPAT_64BIT = 0x80;
/** Blocks have 1 KiB to 64 KiB. */
const LARGEST_BLOCK_SHIFT = 6;

/**
 * Makes an empty file system, with a journal, in a sparse file of the size that it has. What was never written is zero
 * already, so nothing is zeroed here or in the guest.
 */
export async function makeExt4(path: string): Promise<void> {
  const extended = 'lazy_itable_init=0,lazy_journal_init=1,assume_storage_prezeroed=1,nodiscard,root_owner=0:0';
  await run(['mke2fs', '-q', '-F', '-t', 'ext4', '-m', '0', '-O', '64bit', '-E', extended, path]);
}

/**
 * Bytes of the ext4 file system in an image, of which nothing but the superblock is looked at.
 *
 * @throws ThawError `invalid_input` when there is none
 */
export async function sizeOfExt4(path: string): Promise<number> {
  await using file = await open(path, 'r');
  const block = Buffer.alloc(SUPERBLOCK_SIZE);
  const { bytesRead } = await file.read(block, 0, SUPERBLOCK_SIZE, SUPERBLOCK_AT);
  const shift = block.readUInt32LE(0x18);
  if (bytesRead < SUPERBLOCK_SIZE || block.readUInt16LE(0x38) !== MAGIC || shift > LARGEST_BLOCK_SHIFT) {
    throw new ThawError('invalid_input', 'This is no image of an ext4 file system.', {
      hint: 'Send what an export gave, or a raw ext4 image, without partitions, packed with gzip.',
    });
  }
  const high = (block.readUInt32LE(0x60) & INCOMPAT_64BIT) === 0 ? 0 : block.readUInt32LE(0x150);
  return (high * 2 ** 32 + block.readUInt32LE(0x4)) * 1024 * 2 ** shift;
}
