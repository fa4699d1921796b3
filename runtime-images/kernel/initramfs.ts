import { type CpioEntry, packCpio } from './cpio.ts';
import type { Module } from './modules.ts';

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const FILE = 0o100644;
const CHARACTER_DEVICE = 0o020600;

/**
 * Modules that a guest needs to see its disk, its network link and its source of
 * entropy on a machine without PCI.
 */
export const GUEST_MODULES = ['virtio_mmio', 'virtio_blk', 'virtio_net', 'virtio_rng', 'ext4'] as const;

/**
 * Makes the guest's initramfs, uncompressed: at 3 MB, unpacking costs an emulated
 * CPU more than reading does.
 *
 * @param init text of the shell script that becomes `/init`
 * @param busybox a static busybox, the only program in it
 * @param modules in loading order
 */
export function packInitramfs(init: string, busybox: Buffer, modules: Module[]): Buffer {
  const directories = ['bin', 'dev', 'modules', 'proc', 'root', 'sys'];
  const entries: CpioEntry[] = [
    ...directories.map((path) => ({ path, mode: DIRECTORY })),
    // The kernel opens it for init's standard streams before anything is mounted.
    { path: 'dev/console', mode: CHARACTER_DEVICE, device: { major: 5, minor: 1 } },
    { path: 'bin/busybox', mode: PROGRAM, data: busybox },
    { path: 'init', mode: PROGRAM, data: Buffer.from(init) },
    { path: 'modules/order', mode: FILE, data: Buffer.from(modules.map(({ name }) => `${name}\n`).join('')) },
    ...modules.map(({ name, data }) => ({ path: `modules/${name}.ko`, mode: FILE, data })),
  ];
  return packCpio(entries);
}
