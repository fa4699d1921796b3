import postgres from 'postgres';
import { ThawError } from '../errors.ts';
import { PORTS } from './guest.ts';

/** The database that every cluster has, and the role that owns it. */
export const DATABASE = 'app';
const OWNER = 'app';
const CONNECT_S = 20;

/**
 * Runs SQL as the owner of a cluster whose VM was thawed a moment ago. Over a connection like those of its clients, which need the
 * same parts of Postgres next: starting `psql` in the guest would take as long again.
 *
 * @throws ThawError `unavailable`, also when the password is another one by now
 */
export async function asOwner(
  address: string,
  { dbname, password }: { dbname: string; password: string },
  text: string,
): Promise<void> {
  const sql = postgres({
    ...{ host: address, port: PORTS.direct, database: dbname, username: OWNER, password },
    ...{ max: 1, ssl: false, fetch_types: false, connect_timeout: CONNECT_S, onnotice: () => {} },
  });
  try {
    await sql.unsafe(text).simple();
  } catch (cause) {
    throw new ThawError('unavailable', 'The database does not answer.', { hint: 'Try again.', cause });
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** SQL that gives the owner a password. */
export function passwordStatement(verifier: string): string {
  return `ALTER ROLE ${OWNER} PASSWORD '${verifier}';`;
}
