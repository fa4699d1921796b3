import { createHash } from 'node:crypto';
import { SOURCE_DATE_EPOCH } from '../debian/bootstrap.ts';
import { run } from '../run.ts';

/**
 * Features left out of a root disk's file system. A root disk is one VM's copy of
 * an image and is never repaired: when its VM dies, so does it. What has to
 * outlive a crash is on a volume, which has a journal. Without one here nothing
 * is written twice, and no kernel thread wakes up to commit.
 */
const WITHOUT = ['^has_journal', '^metadata_csum', '^resize_inode'];

/**
 * Packs a directory tree into a sparse ext4 disk image.
 *
 * Its identifiers are derived from the name and its own times are fixed, so that two
 * builds differ in nothing but the times at which their inodes were last changed.
 *
 * @param name label of the file system, at most 16 bytes
 * @param bytes size that the guest sees
 */
export async function packExt4(
  name: string,
  tree: string,
  bytes: number,
  output: string,
  signal: AbortSignal,
): Promise<void> {
  const uuid = uuidOf(name);
  // A file is zero where it was never written, so inode tables need no zeroing, here or in the guest.
  const extended = `lazy_itable_init=0,assume_storage_prezeroed=1,nodiscard,root_owner=0:0,hash_seed=${uuid}`;
  const args = [
    '-q',
    '-t',
    'ext4',
    '-d',
    tree,
    '-L',
    name,
    '-U',
    uuid,
    '-m',
    '0',
    '-O',
    WITHOUT.join(','),
    '-E',
    extended,
  ];
  const env = { SOURCE_DATE_EPOCH, E2FSPROGS_FAKE_TIME: SOURCE_DATE_EPOCH };
  await run('mke2fs', [...args, output, `${bytes / 1024}k`], { signal, env });
}

function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
