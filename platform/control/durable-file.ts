import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Ending of files that were never finished; what still has it at the next start is waste. */
const UNFINISHED = '.part';

/**
 * Writes a file so that it is there whole or not at all, also after a power cut: beside, synced, renamed, and the
 * folder synced. Gives back the count of bytes.
 */
export async function writeDurably(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  mode: number,
): Promise<number> {
  const beside = `${path}.${randomUUID()}${UNFINISHED}`;
  try {
    const bytes = await fill(beside, chunks, mode);
    await rename(beside, path);
    await syncFolder(dirname(path));
    return bytes;
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

async function fill(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  mode: number,
): Promise<number> {
  await using file: FileHandle = await open(path, 'wx', mode);
  let bytes = 0;
  for await (const chunk of chunks) {
    await file.writeFile(chunk);
    bytes += chunk.byteLength;
  }
  await file.sync();
  return bytes;
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
