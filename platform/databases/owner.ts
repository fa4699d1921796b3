import postgres from 'postgres';
import { ThawError } from '../errors.ts';
import { PORTS } from './guest.ts';

/** The database that every cluster has, and the role that owns it. */
export const DATABASE = 'app';
const OWNER = 'app';
const CONNECT_S = 20;

/**
 * Gives the owner of a cluster that was thawed a moment ago another password. Over a connection like those of its clients,
 * which need the same parts of Postgres next: starting `psql` in the guest would take as long again.
 *
 * @param verifier what Postgres is to keep of the new one
 * @throws ThawError `unavailable`
 */
export async function changePassword(address: string, password: string, verifier: string): Promise<void> {
  const sql = postgres({
    ...{ host: address, port: PORTS.direct, database: DATABASE, username: OWNER, password },
    ...{ max: 1, ssl: false, fetch_types: false, connect_timeout: CONNECT_S, onnotice: () => {} },
  });
  try {
    await sql.unsafe(passwordStatement(verifier)).simple();
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
