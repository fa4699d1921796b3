import { posix } from 'node:path';
import { ThawError } from '../errors.ts';
import type { Host } from '../host/contract.ts';

/** A tar is made of such blocks; https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html, ustar. */
const BLOCK = 512;
/** Longest name that a plain ustar header holds. */
const LONGEST_NAME = 100;
/** PATH_MAX of the guest's kernel, with the NUL at the end. */
const LONGEST_PATH = 4096;
/** The largest size of 11 octal digits. */
const MOST_BYTES = 8 ** 11 - 1;

/** @throws ThawError `invalid_input` for what is no absolute path in a guest */
export function requirePath(path: string): string {
  const isPlain = path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
  if (isPlain && Buffer.byteLength(path) < LONGEST_PATH) return posix.normalize(path);
  throw new ThawError(
    'invalid_input',
    'A path in a sandbox is absolute and has at most 4095 bytes, no NUL and no `..`.',
  );
}

/**
 * Writes a file, whole or not at all when it is new; directories on the way are made.
 *
 * @param size bytes that will come
 * @throws ThawError `invalid_input` for a path that is none, or when other than `size` bytes come
 */
export async function writeFile(
  host: Pick<Host, 'putTree'>,
  vm: string,
  file: { path: string; size: number; mode: number; bytes: AsyncIterable<Uint8Array> },
  signal: AbortSignal,
): Promise<void> {
  const path = requirePath(file.path);
  const name = posix.basename(path);
  if (name === '' || path.endsWith('/')) throw new ThawError('invalid_input', 'The path has to name a file.');
  if (Buffer.byteLength(name) > LONGEST_NAME) {
    throw new ThawError('invalid_input', `The name of a file has at most ${LONGEST_NAME} bytes here.`, {
      hint: 'Send it in a tar instead.',
    });
  }
  if (!Number.isSafeInteger(file.size) || file.size < 0 || file.size > MOST_BYTES) {
    throw new ThawError('invalid_input', 'The size of the file has to be told ahead, with `content-length`.', {
      hint: 'At most 8 GiB; send a tar when it is not known.',
    });
  }
  await host.putTree(vm, posix.dirname(path), tarOf(name, file), signal);
}

/** A tar of one file. */
async function* tarOf(
  name: string,
  { size, mode, bytes }: { size: number; mode: number; bytes: AsyncIterable<Uint8Array> },
): AsyncGenerator<Uint8Array> {
  yield header(name, size, mode);
  let sent = 0;
  for await (const chunk of bytes) {
    sent += chunk.byteLength;
    if (sent > size) break;
    yield chunk;
  }
  if (sent !== size) throw new ThawError('invalid_input', `${sent} bytes came where ${size} were told.`);
  // Up to a whole block, then the two empty ones that end a tar.
  yield new Uint8Array(((BLOCK - (size % BLOCK)) % BLOCK) + 2 * BLOCK);
}

function header(name: string, size: number, mode: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(name, 0, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(Math.floor(Date.now() / 1000), 136, 12);
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
