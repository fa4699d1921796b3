import type { PostgresRoute } from './parts.ts';
import type { Refusal, Startup } from './protocol.ts';

/** Role that owns a database inside its VM. Clients name the database where they would name it. */
export const OWNER = 'app';
const POOLED = 'pool';

/** Where a session goes. */
export interface Destination {
  route: PostgresRoute;
  /** Through the pool. */
  pooled: boolean;
  /** The startup packet that the server gets. */
  startup: Startup;
}

/**
 * Finds the database that a startup packet means:
 *
 *   user [role.]<endpoint>[.pool]     e.g. main-k3x9q2, main-k3x9q2.pool, reader.main-k3x9q2
 *   user <role>[.pool], with a TLS server name that begins with the endpoint
 *   user <role>[.pool], database <endpoint>
 *
 * An endpoint is one database's alone on this server, so the user says it all; every client sends one. A database that is no
 * endpoint, or not needed for it, is passed on: a cluster may have several.
 */
export function findDestination(
  startup: Startup,
  serverName: string | undefined,
  resolve: (endpoint: string) => PostgresRoute | undefined,
): Destination | Refusal {
  const user = startup.parameters.get('user');
  if (user === undefined || user === '') {
    return { sqlState: '28000', message: 'No user name was given.', hint: 'Use the URL that `thaw db info` shows.' };
  }
  const parts = user.split('.');
  const pooled = parts.length > 1 && parts.at(-1) === POOLED;
  if (pooled) parts.pop();
  const named = resolve(parts.at(-1) ?? '');
  const database = startup.parameters.get('database') ?? '';
  const byName = named ?? resolve(serverName?.split('.')[0] ?? '');
  const route = byName ?? resolve(database);
  if (route === undefined) {
    return {
      sqlState: '28000',
      message: `There is no database with the user "${shown(user)}".`,
      hint: 'The user names the database; use the URL that `thaw db info` shows.',
    };
  }
  const role = (named === undefined ? parts : parts.slice(0, -1)).join('.') || OWNER;
  const parameters = new Map(startup.parameters).set('user', role);
  // Absent, it would be the user's name.
  if (database === '' || byName === undefined) parameters.set('database', route.name);
  return { route, pooled, startup: { ...startup, parameters } };
}

/** What a client sent, as an error may repeat it. */
function shown(text: string): string {
  return text.slice(0, 63).replace(/[\p{C}"]/gu, '?');
}
