import { ThawError } from '../errors.ts';
import type { ExecEvent, Host, Shape } from '../host/contract.ts';

/** Where a database's disk is in its VM; `start` and `sql` of the runtime image know it too. */
export const DATA = '/data';
export const PORTS = { direct: 5432, pooled: 6432 } as const;

const PLACE = '/usr/local/lib/thaw/postgres';
/** Longest that Postgres may take to start; recovery after a crash reads at most `max_wal_size`. */
const START_LIMIT_MS = 120_000;
const POOL_LIMIT_MS = 20_000;
const OUTPUT_BYTES = 1024 * 1024;

type Guest = Pick<Host, 'exec' | 'startProcess' | 'waitListening'>;

/** Puts the cluster that the image brings on an empty disk. */
export async function layOut(host: Guest, vm: string, signal?: AbortSignal): Promise<void> {
  const copy = `chown app:app ${DATA} && cp -a ${PLACE}/cluster ${DATA}/cluster && rm -rf ${DATA}/lost+found`;
  await run(host, vm, { argv: ['/bin/sh', '-ec', copy], user: 'root' }, signal);
}

interface Starting {
  shape: Shape;
  /** The database that pg_cron keeps its jobs in. */
  name: string;
  /** Of the repository that its log is archived in; absent = it is not. */
  backupKey?: string | undefined;
  /** The pool is started once the VM has been frozen and thawed. */
  poolLater?: true;
}

/** Starts Postgres and its pool. It takes connections once `sql` has answered. */
export async function startPostgres(
  host: Guest,
  vm: string,
  { shape, name, backupKey, poolLater }: Starting,
  signal?: AbortSignal,
): Promise<void> {
  const argv = ['/bin/bash', `${PLACE}/start`, String(shape.memoryMiB), String(shape.vcpus), name];
  const env = {
    ...(backupKey === undefined ? {} : { BACKUP_KEY: backupKey }),
    ...(poolLater === undefined ? {} : { POOL_LATER: 'yes' }),
  };
  await host.startProcess(vm, { argv, env }, signal);
}

/**
 * Runs SQL as the superuser, once Postgres is ready.
 *
 * @param database when it is the owner's, `text` may use nothing that the owner can put something else in place of
 * @returns rows, one a line, columns parted by `|`
 * @throws ThawError `unavailable` when it fails, with what was said in `cause`
 */
export function sql(host: Guest, vm: string, database: string, text: string, signal?: AbortSignal): Promise<string> {
  return psql(host, vm, { database, role: 'postgres', text }, signal);
}

/** The same as a role that may look at everything and change nothing: what the owner has put in the way runs with no more than that. */
export function look(host: Guest, vm: string, database: string, text: string, signal?: AbortSignal): Promise<string> {
  return psql(host, vm, { database, role: 'thaw_monitor', text }, signal);
}

function psql(
  host: Guest,
  vm: string,
  { database, role, text }: { database: string; role: string; text: string },
  signal?: AbortSignal,
): Promise<string> {
  return run(host, vm, { argv: ['/bin/bash', `${PLACE}/sql`, database, role], stdin: text }, signal);
}

/** Makes a backup, and tells what there is in the words of pgBackRest. */
export function backUp(
  host: Guest,
  vm: string,
  { type, key }: { type: 'full' | 'incr'; key: string },
  signal: AbortSignal,
): Promise<string> {
  const argv = ['/bin/bash', `${PLACE}/backup`, type];
  return run(host, vm, { argv, env: { BACKUP_KEY: key }, timeoutMs: 0 }, signal);
}

/** Sees to it that all of Postgres' log up to now is in the repository. */
export async function checkpointLog(host: Guest, vm: string, signal: AbortSignal): Promise<void> {
  const argv = ['pgbackrest', '--config=/app/run/pgbackrest.conf', '--stanza=main', 'check'];
  await run(host, vm, { argv }, signal);
}

/** Lays a cluster out from the repository that is in the VM; Postgres gets to its moment when it is started. */
export async function restoreCluster(
  host: Guest,
  vm: string,
  { key, at }: { key: string; at: Date | null },
  signal: AbortSignal,
): Promise<void> {
  const moment = at === null ? [] : [at.toISOString().replace('T', ' ').replace('Z', '+00')];
  const argv = ['/bin/bash', `${PLACE}/restore`, ...moment];
  await run(host, vm, { argv, env: { BACKUP_KEY: key }, timeoutMs: 0 }, signal);
}

/** Ends the pool; the next one, which begins at once, knows no session of the one before. */
export async function renewPool(host: Guest, vm: string, signal?: AbortSignal): Promise<void> {
  const end = 'read -r pid </app/run/pgbouncer.pid; kill -KILL "$pid"; while [ -d "/proc/$pid" ]; do :; done';
  await run(host, vm, { argv: ['/bin/sh', '-c', end] }, signal);
  await poolReady(host, vm, signal);
}

/** Waits until the pool takes connections. @throws ThawError `unavailable` when it does not */
export async function poolReady(host: Guest, vm: string, signal?: AbortSignal): Promise<void> {
  const outcome = await host.waitListening(vm, PORTS.pooled, POOL_LIMIT_MS, signal);
  if (outcome.listening) return;
  throw new ThawError('unavailable', 'The pool of the database did not start.', {
    hint: 'Try again.',
    cause: new Error(JSON.stringify(outcome)),
  });
}

/** A dump of a database as SQL, as it comes. @throws ThawError `unavailable` when it breaks off */
export async function* dump(host: Guest, vm: string, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const argv = ['pg_dump', '--host=/app/run', '--username=postgres', '--no-owner', '--no-privileges', name];
  const request = { argv, cwd: '/', timeoutMs: 0, maxOutputBytes: Number.MAX_SAFE_INTEGER };
  let said = '';
  for await (const event of host.exec(vm, request, signal)) {
    if (event.kind === 'stdout') yield event.data;
    else if (event.kind === 'stderr') said = (said + Buffer.from(event.data).toString()).slice(-OUTPUT_BYTES);
    else if (event.kind === 'exit' && event.code !== 0) throw failed(event, said);
  }
}

interface Command {
  argv: string[];
  user?: 'root';
  stdin?: string;
  env?: Record<string, string>;
  /** 0 = no limit. */
  timeoutMs?: number;
}

async function run(
  host: Guest,
  vm: string,
  { argv, user, stdin, env, timeoutMs = START_LIMIT_MS }: Command,
  signal?: AbortSignal,
): Promise<string> {
  const said = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const request = {
    ...{ argv, cwd: '/', timeoutMs, maxOutputBytes: OUTPUT_BYTES },
    ...(env === undefined ? {} : { env }),
    ...(user === undefined ? {} : { user }),
    ...(stdin === undefined ? {} : { stdin: once(stdin) }),
  };
  for await (const event of host.exec(vm, request, signal)) {
    if (event.kind === 'stdout' || event.kind === 'stderr') said[event.kind].push(event.data);
    else if (event.kind === 'exit' && event.code !== 0) throw failed(event, Buffer.concat(said.stderr).toString());
  }
  return Buffer.concat(said.stdout).toString();
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function failed(exit: Extract<ExecEvent, { kind: 'exit' }>, said: string): ThawError {
  return new ThawError('unavailable', 'The database does not answer.', {
    hint: 'Try again; `thaw db info` shows how it is.',
    cause: new Error(`${JSON.stringify(exit)}: ${said}`),
  });
}
