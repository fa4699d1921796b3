import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import { ThawError } from '../../errors.ts';

const CHUNK = 1024 * 1024;
/** What is zero is left out of the file in pieces of this size, the block of most file systems. */
const HOLE = 4096;
const ZEROS = Buffer.alloc(CHUNK);
/** Fast, and not much larger than the slowest: what is on disks is packed already, or packs well anyway. */
const LEVEL = 1;

const pack = promisify(gzip);

/**
 * A file, packed: one gzip member for each MiB, which any gunzip reads as one whole. Runs of zeros, most of a young disk, cost
 * neither time nor room worth naming.
 */
export async function* packed(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const hole = await pack(ZEROS, { level: 9 });
  await using file = await open(path, 'r');
  for (let at = 0; ; at += CHUNK) {
    signal?.throwIfAborted();
    const chunk = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(chunk, 0, CHUNK, at);
    if (bytesRead === 0) return;
    if (bytesRead === CHUNK && chunk.equals(ZEROS)) yield hole;
    else yield await pack(chunk.subarray(0, bytesRead), { level: LEVEL });
  }
}

/**
 * Unpacks into a new sparse file and syncs it. Gives back the bytes that were in it.
 *
 * @throws ThawError `invalid_input` for what gzip did not pack; `too_large` past `mostBytes`
 */
export async function unpackInto(
  path: string,
  image: AsyncIterable<Uint8Array>,
  mostBytes: number,
  signal?: AbortSignal,
): Promise<number> {
  await using file = await open(path, 'wx', 0o666);
  let bytes = 0;
  const write = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      if (bytes + chunk.length > mostBytes) {
        throw new ThawError('too_large', `The image is larger than ${Math.floor(mostBytes / CHUNK)} MiB.`);
      }
      await writeSparse(file, chunk, bytes);
      bytes += chunk.length;
    }
  };
  try {
    await pipeline(image, createGunzip({ chunkSize: CHUNK }), write, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    if (!isZlibError(error)) throw error;
    throw new ThawError('invalid_input', 'The image is not packed with gzip, or broke off.', { cause: error });
  }
  await file.truncate(bytes);
  await file.sync();
  return bytes;
}

/** Writes what is not zero. */
async function writeSparse(file: FileHandle, chunk: Buffer, at: number): Promise<void> {
  let from = 0;
  while (from < chunk.length) {
    const zero = isZero(chunk, from);
    let to = from;
    while (to < chunk.length && isZero(chunk, to) === zero) to = Math.min(to + HOLE, chunk.length);
    for (let done = from; !zero && done < to; )
      done += (await file.write(chunk, done, to - done, at + done)).bytesWritten;
    from = to;
  }
}

function isZero(chunk: Buffer, at: number): boolean {
  const piece = chunk.subarray(at, at + HOLE);
  return piece.equals(ZEROS.subarray(0, piece.length));
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
