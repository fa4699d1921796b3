import postgres from 'postgres';
import { ThawError } from '../errors.ts';
import { PORTS } from './guest.ts';

/** The database that every cluster has, and the role that owns it. */
export const DATABASE = 'app';
const OWNER = 'app';
/** Longest that all of it may take: nothing here is worth more than that, and a VM that has gone says nothing. */
const LIMIT_MS = 30_000;

/**
 * Runs SQL as the owner of a cluster whose VM was thawed a moment ago. Over a connection like those of its clients, which need the
 * same parts of Postgres next: starting `psql` in the guest would take as long again.
 *
 * @throws ThawError `unavailable`, also when the password is another one by now; `signal`'s reason when it fires
 */
export async function asOwner(
  address: string,
  { dbname, password }: { dbname: string; password: string },
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const sql = postgres({
    ...{ host: address, port: PORTS.direct, database: dbname, username: OWNER, password },
    ...{ max: 1, ssl: false, fetch_types: false, onnotice: () => {} },
  });
  const over = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const breakOff = () => void sql.end({ timeout: 0 });
  over.addEventListener('abort', breakOff, { once: true });
  try {
    over.throwIfAborted();
    await sql.unsafe(text).simple();
  } catch (cause) {
    signal.throwIfAborted();
    throw new ThawError('unavailable', 'The database does not answer.', { hint: 'Try again.', cause });
  } finally {
    over.removeEventListener('abort', breakOff);
    await sql.end({ timeout: 1 });
  }
}

/** SQL that gives the owner a password. */
export function passwordStatement(verifier: string): string {
  return `ALTER ROLE ${OWNER} PASSWORD '${verifier}';`;
}
