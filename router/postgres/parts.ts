import type { SecureContext } from 'node:tls';
import type { Log } from '../../platform/log.ts';

/** A database as the edge knows it. Plain data. */
export interface PostgresRoute {
  /** Tells it from all others, also of other names before and after. */
  database: string;
  /** Its name, and that of the first database in its cluster. */
  name: string;
  project: string;
  /** Time without a byte and without an open transaction after which it is put to sleep; 0 = never. */
  idleMs: number;
  /** A session that waits for notifications keeps it awake. */
  listenersKeepAwake: boolean;
}

/** All that the Postgres edge is handed. It knows no VM and opens no control database. */
export interface PostgresEdgeParts {
  /** The database of an endpoint. Called for each connection, so it answers from memory. */
  resolve(endpoint: string): PostgresRoute | undefined;
  /**
   * Sees to it that a database takes connections: wakes it, or starts it. One that is up is no error.
   *
   * @returns where this machine reaches it
   * @throws ThawError what the waiting clients are to be told
   */
  up(database: string, signal: AbortSignal): Promise<Upstream>;
  /** Freezes a database with its connections. @throws ThawError why it cannot be; it may have ended then */
  sleep(database: string): Promise<void>;
  /** A database that is up takes no connection. It is up again, or has ended, when this resolves. */
  unreachable(database: string): Promise<void>;
  /** What a database is still busy with though no client asks for anything; nothing = it may sleep. */
  busyWith(database: string, signal: AbortSignal): Promise<string | undefined>;
  /**
   * The project that who connects from this address may reach the databases of; null = all, undefined = none. Absent: all.
   */
  reaches?(address: string): Promise<string | null | undefined>;
  /** The certificate for a TLS server name, or for none. */
  certificate(serverName: string | undefined): SecureContext;
  /** A session ended or began, or a database woke or fell asleep: counted for the metrics. */
  observe?(event: PostgresEvent): void;
  log: Log;
  /** A clock that never goes back, in milliseconds. */
  now(): number;
  /** Longest that a client waits for a database to wake, in milliseconds. */
  wakeTimeoutMs: number;
}

/** `ms`: how long it took. */
export type PostgresEvent =
  | { kind: 'connected' }
  | { kind: 'refused' }
  | { kind: 'awake'; database: string; ms: number }
  | { kind: 'asleep'; database: string; ms: number };

/** Where a database's VM answers. */
export interface Upstream {
  address: string;
  /** Postgres itself. */
  directPort: number;
  /** Its pool. */
  pooledPort: number;
}
