import { constants } from 'node:fs';
import { chmod, copyFile, open, stat } from 'node:fs/promises';
import { run } from '../run.ts';
import type { MemoryFile } from './contract.ts';

/**
 * Makes a VM's memory file a copy of another one. By reflink that is done at once; else the file is there at once, in its size,
 * and its content comes while the VMM starts, which maps the file and does not read it before the state is loaded.
 *
 * @param jail path of the compiled launcher
 * @returns resolves when the content is there; it never rejects before it is awaited
 */
export async function fillMemory(jail: string, { path, from }: MemoryFile): Promise<{ filled: Promise<void> }> {
  if (from === undefined) return { filled: Promise.resolve() };
  let filled: Promise<unknown> = Promise.resolve();
  try {
    await copyFile(from, path, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    const { size } = await stat(from);
    await using file = await open(path, 'w');
    await file.truncate(size);
    filled = run([jail, '--copy', from, path]);
  }
  await chmod(path, 0o666); // each VMM has its own user; the directory is closed to all others
  const done = filled.then(() => {});
  done.catch(() => {}); // awaited when the VMM has started
  return { filled: done };
}
