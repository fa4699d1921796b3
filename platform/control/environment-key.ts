import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from './db/open.ts';
import { environment } from './db/schema.ts';
import { writeDurably } from './durable-file.ts';
import type { Random } from './ids.ts';

/** Name of the file in the data directory with the key that environment values are encrypted with. */
const KEY_FILE = 'environment.key';
const KEY_BYTES = 32;
const OWNER_ONLY = 0o600;

/**
 * The key in `<data>/environment.key`, 64 hex digits; made at the first start.
 *
 * @throws ThawError `misconfigured` when the file holds something else, or is missing while the database has values:
 *   a new key would lose them without a word
 */
export async function ensureEnvironmentKey(
  dataDir: string,
  { db, random, log }: { db: Database; random: Random; log: Log },
): Promise<Uint8Array> {
  const path = join(dataDir, KEY_FILE);
  const text = await read(path);
  if (text !== undefined) {
    if (!/^[0-9a-f]{64}$/.test(text)) {
      throw new ThawError('misconfigured', `${path} does not hold a key.`, {
        hint: 'It has to be 64 hex digits; bring it back from a backup.',
      });
    }
    await chmod(path, OWNER_ONLY);
    return Buffer.from(text, 'hex');
  }
  const [sealed] = await db.select({ name: environment.name }).from(environment).limit(1);
  if (sealed !== undefined) {
    throw new ThawError('misconfigured', `${path} is missing, and the database has values that need it.`, {
      hint: 'Bring it back from a backup. If it is lost, write 64 new hex digits into it (`openssl rand -hex 32`) and set all values anew.',
    });
  }
  const key = random(KEY_BYTES);
  await writeDurably(path, [Buffer.from(`${Buffer.from(key).toString('hex')}\n`)], OWNER_ONLY);
  log.info({ path }, 'environment key written');
  return key;
}

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
