import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { run } from '../run.ts';

/**
 * Copies a sparse file: by reflink where the file system can, which costs the
 * same for any size, else only the parts that hold data.
 */
export async function copySparse(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    await run(['cp', '--sparse=always', '--reflink=never', from, to]);
  }
}
