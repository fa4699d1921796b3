import { constants } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { run } from '../run.ts';

/**
 * Copies a sparse file: by reflink where the file system can, which costs the
 * same for any size, else only the parts that hold data. Any user may write the
 * copy: each VMM has its own, and the directory is closed to all others.
 */
export async function copySparse(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    await run(['cp', '--sparse=always', '--reflink=never', from, to]);
  }
  await chmod(to, 0o666);
}
