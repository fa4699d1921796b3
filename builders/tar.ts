import { ThawError } from '../platform/errors.ts';

/** A regular file to pack. */
export interface PackedFile {
  /** Relative path, at most 100 bytes. */
  path: string;
  content: Uint8Array;
}

const BLOCK = 512;

/** Packs a few small files of our own as a ustar stream (POSIX.1-1988); directories are left to who unpacks. */
export async function* packFiles(files: PackedFile[]): AsyncGenerator<Uint8Array> {
  for (const { path, content } of files) {
    yield header(path, content.byteLength);
    yield content;
    yield new Uint8Array((BLOCK - (content.byteLength % BLOCK)) % BLOCK);
  }
  yield new Uint8Array(2 * BLOCK);
}

function header(path: string, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(path, 0, 100, 'utf8');
  octal(0o644, 100, 8); // mode
  octal(0, 108, 8); // owner
  octal(0, 116, 8); // group
  octal(size, 124, 12);
  octal(0, 136, 12); // modified at
  block.fill(' ', 148, 156); // The checksum counts itself as spaces.
  block.write('0', 156, 'latin1'); // regular file
  block.write('ustar\x0000', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}

/**
 * Passes a stream on and ends it with an error when it grows too large.
 *
 * @param what it is, for the message: `The source`
 * @throws ThawError `too_large` past `limit` bytes
 */
export async function* limited(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
  what: string,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > limit) {
      throw new ThawError('too_large', `${what} is larger than ${Math.floor(limit / 2 ** 20)} MiB unpacked.`, {
        hint: 'Leave out what the function does not need; THAW_MAX_SOURCE_MB sets the limit.',
      });
    }
    yield chunk;
  }
}
