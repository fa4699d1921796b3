import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Control } from './contract.ts';
import { writeDurably } from './durable-file.ts';

/** Name of the file in the data directory with the secret of an admin key, for the person at this machine. */
const ADMIN_KEY_FILE = 'admin.key';
const OWNER_ONLY = 0o600;

/**
 * Sees to it that `<data>/admin.key` holds an admin key that works. A new one is made at the first start, and when
 * the file is missing or its key is unknown or revoked; the secret of an older key cannot be had again.
 */
export async function ensureAdminKey(dataDir: string, keys: Control['keys'], log: Log): Promise<void> {
  const path = join(dataDir, ADMIN_KEY_FILE);
  if (await isAdminKey(await read(path), keys)) {
    await chmod(path, OWNER_ONLY);
    return;
  }
  const { key, secret } = await keys.create({ name: 'admin', project: null, scopes: ['manage'] });
  await writeDurably(path, [Buffer.from(`${secret}\n`)], OWNER_ONLY);
  log.info({ path, key: key.id }, 'admin key written');
}

async function isAdminKey(secret: string, keys: Control['keys']): Promise<boolean> {
  try {
    const principal = await keys.authenticate(secret);
    return principal.project === null;
  } catch (error) {
    if (error instanceof ThawError && error.code === 'unauthenticated') return false;
    throw error;
  }
}

async function read(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
