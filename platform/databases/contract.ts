/** What of a database runs: nothing (`stopped`: its disk alone), its VM, or its VM's snapshot. */
export type DatabaseState = 'stopped' | 'starting' | 'awake' | 'asleep';

/** What keeps a database awake besides queries and open transactions. */
export type KeepAwake =
  /** A session that did LISTEN. */
  | 'listen'
  /** Jobs of pg_cron that are due some time. */
  | 'cron';

/** A managed Postgres, as it can be shown. */
export interface Database {
  /** `pg` and 13 lower-case letters or digits. */
  id: string;
  project: string;
  /** Unique in its project: 1 to 40 lower-case letters, digits and hyphens. */
  name: string;
  /** The user name that leads to it; unique on the server, and a host label. */
  endpoint: string;
  state: DatabaseState;
  /** Major version of PostgreSQL. */
  version: number;
  memoryMiB: number;
  diskMiB: number;
  /** Idle time after which it is put to sleep; 0 = never. */
  idleSeconds: number;
  keepAwake: KeepAwake[];
  /** Name of the database that it was branched from. */
  parent: string | null;
  /** The preview of an app that it was branched for; it ends with that. Null for all others. */
  preview: { app: string; branch: string } | null;
  /** ISO 8601. */
  createdAt: string;
  /** Clients that are connected at the edge; those of a database that sleeps too. */
  connections: { direct: number; pooled: number };
}

/** Where clients connect. Each holds the password. */
export interface DatabaseUrls {
  /** Through the pool: a session for each transaction. For apps. */
  url: string;
  /** Straight to Postgres. For migrations, LISTEN, session state. */
  directUrl: string;
  /** The same two, as apps of its project reach them. */
  guestUrl: string;
  guestDirectUrl: string;
}

/** An app that has a database in its environment. */
export interface DatabaseAttachment {
  /** Name of the database. */
  database: string;
  app: string;
  /** The app itself, or its previews. */
  target: 'production' | 'preview';
  /** Each preview has a branch of its own, made with it and removed with it. Else all share the database. */
  branches: boolean;
}

/** What a new database is to be. */
export interface DatabaseRequest {
  name: string;
  /** Major version of PostgreSQL; default: the newest there is. */
  version?: number | undefined;
  /** Default 512. */
  memoryMiB?: number | undefined;
  /** Default 8192. */
  diskMiB?: number | undefined;
  idleSeconds?: number | undefined;
  keepAwake?: KeepAwake[] | undefined;
}

/** What a database is at; null for what only an awake one tells. */
export interface DatabaseStatistics {
  state: DatabaseState;
  connections: { direct: number; pooled: number };
  /** Bytes of all its data. */
  sizeBytes: number | null;
  /** Share of reads that Postgres' own memory answered, since it started. */
  cacheHitRatio: number | null;
  transactions: number | null;
  /** Server processes that work for clients. */
  backends: number | null;
  /** The dearest by total time, where they were asked for. */
  queries: QueryStatistics[] | null;
}

/** Of `pg_stat_statements`. Times in milliseconds. */
export interface QueryStatistics {
  query: string;
  calls: number;
  totalMs: number;
  meanMs: number;
  rows: number;
}

export interface DatabaseBackup {
  /** pgBackRest's name of it. */
  label: string;
  type: 'full' | 'incremental';
  /** ISO 8601. */
  startedAt: string;
  endedAt: string;
  databaseBytes: number;
  /** What it added. */
  repositoryBytes: number;
}

/** What a database can be restored from. */
export interface DatabaseBackups {
  /** Oldest first. From the end of the oldest on, any moment can be restored. */
  backups: DatabaseBackup[];
  /** The newest moment that can be restored; null = none. */
  until: string | null;
  /** The last time that a restore was tried. */
  test: { at: string; ok: boolean; error: string | null } | null;
}
