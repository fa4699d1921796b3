import { ThawError } from '../../errors.ts';

/** A tar is made of such blocks; https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html, ustar. */
const BLOCK = 512;
const MODE = 0o640;
/** The header has a place for the end of a path and one for what comes before it, parted at a slash. */
const LONGEST = { name: 100, before: 155 } as const;
/** The largest size of 11 octal digits. */
const MOST_BYTES = 8 ** 11 - 1;

/** A file to pack. */
export interface PackedFile {
  path: string;
  bytes: number;
  content: AsyncIterable<Uint8Array>;
}

/**
 * Packs files as a tar, as they come; directories are left to who unpacks.
 *
 * @throws ThawError `unavailable` for a file that has another size than was told, or that no tar can hold
 */
export async function* pack(files: Iterable<PackedFile>): AsyncGenerator<Uint8Array> {
  for (const { path, bytes, content } of files) {
    yield header(path, bytes);
    let left = bytes;
    for await (const chunk of content) {
      left -= chunk.byteLength;
      if (left < 0) break;
      yield chunk;
    }
    if (left !== 0) throw new ThawError('unavailable', `The file ${path} of the backups has not the size that it had.`);
    yield new Uint8Array((BLOCK - (bytes % BLOCK)) % BLOCK);
  }
  yield new Uint8Array(2 * BLOCK);
}

function header(path: string, bytes: number): Uint8Array {
  const { name, before } = parted(path);
  if (bytes > MOST_BYTES) throw new ThawError('unavailable', `The file ${path} of the backups is too large.`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(name, 0, 'utf8');
  octal(MODE, 100, 8);
  octal(0, 108, 8); // owner: who unpacks
  octal(0, 116, 8);
  octal(bytes, 124, 12);
  octal(0, 136, 12); // changed at
  block.fill(' ', 148, 156); // The checksum counts itself as spaces.
  block.write('0', 156, 'latin1'); // a regular file
  block.write('ustar\x0000', 257, 'latin1');
  block.write(before, 345, 'utf8');
  const sum = block.reduce((total, byte) => total + byte, 0);
  octal(sum, 148, 7);
  return block;
}

function parted(path: string): { name: string; before: string } {
  if (Buffer.byteLength(path) <= LONGEST.name) return { name: path, before: '' };
  // The first slash after which the rest fits.
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [before, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) > LONGEST.name) continue;
    if (Buffer.byteLength(before) <= LONGEST.before) return { name, before };
    break;
  }
  throw new ThawError('unavailable', `The name ${path} of a file of the backups is too long.`);
}
