import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator';
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js';
import { migrate as migratePostgres } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';

/** The control database, whichever of the two it is; a transaction is one as well. */
export type Database = PgDatabase<PgQueryResultHKT>;

export interface OpenDatabase extends AsyncDisposable {
  db: Database;
}

const MIGRATIONS = { migrationsFolder: fileURLToPath(new URL('./migrations', import.meta.url)) };

/**
 * The control database is a few megabytes. Postgres takes its buffers when it starts, and PGlite's are memory of this
 * process: with the default of 128 MiB the server is 130 MiB larger.
 */
const SMALL = ['-c', 'shared_buffers=8MB'];

/** Between the name of the database's directory and a random ending, while it is being made. */
const UNFINISHED = '.new-';

/** Any number that nothing else in the same database uses: servers that start together migrate one after the other. */
const MIGRATION_LOCK = 7_426_191;

/**
 * Opens the control database and brings its tables up to date.
 *
 * @param databaseUrl a Postgres to use; without it PGlite keeps its files in `directory`
 * @throws ThawError `misconfigured` when the database cannot be opened
 */
export async function openDatabase(options: {
  databaseUrl: string | undefined;
  directory: string;
  log: Log;
}): Promise<OpenDatabase> {
  if (options.databaseUrl === undefined) return openPglite(options.directory);
  return openPostgres(options.databaseUrl, options.log);
}

async function openPglite(directory: string): Promise<OpenDatabase> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await using opened = new AsyncDisposableStack();
  try {
    await removeUnfinished(directory);
    if (!existsSync(join(directory, 'PG_VERSION'))) await createDatabase(directory);
    const client = await PGlite.create(directory, { startParams: [...PGlite.defaultStartParams, ...SMALL] });
    opened.defer(() => client.close());
    const db = drizzlePglite(client);
    await migratePglite(db, MIGRATIONS);
    return handOver(db, opened.move());
  } catch (error) {
    throw new ThawError('misconfigured', `The control database in ${directory} cannot be opened.`, {
      hint: 'Bring the directory back from a backup, or set DATABASE_URL to a Postgres.',
      cause: error,
    });
  }
}

/**
 * Makes an empty database in an empty directory, whole or not at all: a server may be killed in the seconds that it takes,
 * and what it had started goes on, in a directory that nobody else uses. In a process of its own, for it takes 140 MiB of
 * memory that this one would not give back.
 */
async function createDatabase(directory: string): Promise<void> {
  const beside = await mkdtemp(directory + UNFINISHED);
  await promisify(execFile)(process.execPath, [fileURLToPath(new URL('create.ts', import.meta.url)), beside]);
  await rename(beside, directory);
}

/** Removes what was not finished. What is still being written to, by a process whose server is gone, goes the next time. */
async function removeUnfinished(directory: string): Promise<void> {
  const parent = dirname(directory);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(basename(directory) + UNFINISHED)) continue;
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
  }
}

async function openPostgres(url: string, log: Log): Promise<OpenDatabase> {
  await using opened = new AsyncDisposableStack();
  try {
    const { address, socket } = parseAddress(url);
    const options = {
      onnotice: ({ message }: postgres.Notice) => log.debug({ message }, 'database notice'),
      ...(socket === null ? {} : { host: socket }),
    };
    await migrateAlone(address, options);
    const client = postgres(address, { ...options, max: 10 });
    opened.defer(() => client.end({ timeout: 5 }));
    return handOver(drizzlePostgres(client), opened.move());
  } catch (error) {
    // The address may hold a password: it is not repeated.
    throw new ThawError('misconfigured', 'The control database at DATABASE_URL cannot be opened.', {
      hint: 'Check that this Postgres runs, and that its user may create tables there.',
      cause: error,
    });
  }
}

/**
 * Takes `?host=/run/postgresql` out of an address: libpq's way to name a unix socket's folder, which the driver knows
 * as an option alone. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
function parseAddress(url: string): { address: string; socket: string | null } {
  if (!URL.canParse(url)) return { address: url, socket: null };
  const parsed = new URL(url);
  const socket = parsed.searchParams.get('host');
  parsed.searchParams.delete('host');
  return { address: socket === null ? url : parsed.href, socket };
}

/** On one connection that ends afterwards, because the lock belongs to the connection. */
async function migrateAlone(url: string, options: postgres.Options<Record<string, never>>): Promise<void> {
  const client = postgres(url, { ...options, max: 1 });
  try {
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migratePostgres(drizzlePostgres(client), MIGRATIONS);
  } finally {
    await client.end({ timeout: 5 });
  }
}

function handOver(db: Database, opened: AsyncDisposableStack): OpenDatabase {
  return { db, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
