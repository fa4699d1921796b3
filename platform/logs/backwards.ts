import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 64 * 1024;
const LINE_END = 0x0a;

/**
 * The lines of a file's first `bytes` bytes, the last one first, in batches: small
 * ones, so that a long log is read in steps and nothing else has to wait.
 */
export async function* linesBackwards(file: FileHandle, bytes: number): AsyncGenerator<string[]> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  /** The end of a line whose beginning comes with the next chunk. */
  let rest: Buffer = Buffer.alloc(0);
  for (let end = bytes; end > 0; ) {
    const begin = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, end - begin, begin);
    // Cut off by somebody else: what is before that cannot be told from what is not there.
    if (bytesRead < end - begin) return;
    const piece = Buffer.concat([chunk.subarray(0, bytesRead), rest]);
    const first = begin === 0 ? 0 : piece.indexOf(LINE_END) + 1;
    end = begin;
    if (begin > 0 && first === 0) {
      rest = piece;
      continue;
    }
    rest = first === 0 ? Buffer.alloc(0) : piece.subarray(0, first - 1);
    yield piece.toString('utf8', first).split('\n').reverse();
  }
}
