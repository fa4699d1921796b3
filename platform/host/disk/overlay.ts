import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';

/** Where a qcow2 file tells the size of its disk; QEMU's docs/interop/qcow2.txt. */
const SIZE_AT = 24;
const SIZE_BYTES = 8;

/**
 * Empty qcow2 overlays. Making one costs a process, so one of each size is kept
 * and copied: three clusters, whatever the size. No overlay names what it stands
 * on; the VMM is told the whole chain.
 */
export class Overlays {
  readonly #directory: string;
  /** By size: those that are being made. */
  readonly #making = new Map<number, Promise<void>>();

  /** @param directory where the empty ones are kept */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes an empty overlay for a disk of `bytes` at `path`. */
  async create(path: string, bytes: number): Promise<void> {
    const empty = join(this.#directory, `empty-${bytes}.qcow2`);
    try {
      await copyFile(empty, path, constants.COPYFILE_FICLONE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const making = this.#making.get(bytes) ?? makeEmpty(this.#directory, empty, bytes);
      this.#making.set(bytes, making);
      await making.finally(() => this.#making.delete(bytes));
      await copyFile(empty, path, constants.COPYFILE_FICLONE);
    }
    await chmod(path, 0o666); // each VMM has its own user; the directory is closed to all others
  }
}

/** The size of a disk as the guest sees it, from the head of its overlay. */
export async function overlayBytes(path: string): Promise<number> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(SIZE_BYTES), 0, SIZE_BYTES, SIZE_AT);
  return Number(buffer.readBigUInt64BE());
}

async function makeEmpty(directory: string, path: string, bytes: number): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}`;
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', beside, String(bytes)]);
  await rename(beside, path);
}
