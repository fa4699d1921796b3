import { rename } from 'node:fs/promises';
import { copySparse } from './copy.ts';

/** Gives a file another place, on another file system too; there it is copied, and the old one is left to whoever owns it. */
export async function moveSparse(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copySparse(from, to);
  }
}
