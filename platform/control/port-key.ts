import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../errors.ts';
import { writeDurably } from './durable-file.ts';
import type { Random } from './ids.ts';

/** Name of the file in the data directory with the key that tokens for ports of sandboxes are signed with. */
const KEY_FILE = 'ports.key';
const KEY_BYTES = 32;
const OWNER_ONLY = 0o600;

/**
 * The key in `<data>/ports.key`, 64 hex digits; made when it is missing. A new one makes all tokens void, and nothing else.
 *
 * @throws ThawError `misconfigured` when the file holds something else
 */
export async function ensurePortKey(dataDir: string, random: Random): Promise<Uint8Array> {
  const path = join(dataDir, KEY_FILE);
  const text = (await readFile(path, 'utf8').catch(ifMissing))?.trim();
  if (text === undefined) {
    const key = random(KEY_BYTES);
    await writeDurably(path, [Buffer.from(`${Buffer.from(key).toString('hex')}\n`)], OWNER_ONLY);
    return key;
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new ThawError('misconfigured', `${path} does not hold a key.`, {
      hint: 'It has to be 64 hex digits; remove it, and a new one is made. Tokens for ports of sandboxes are void then.',
    });
  }
  await chmod(path, OWNER_ONLY);
  return Buffer.from(text, 'hex');
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
