import { ThawError } from '../errors.ts';
import type { Backups } from './backups/backups.ts';
import type { DatabaseRequest } from './contract.ts';
import type { Fleet } from './fleet.ts';
import { poolReady, renewPool, sql } from './guest.ts';
import { requireDatabaseName, requireIdle, requireSize } from './limits.ts';
import type { LiveDatabase } from './live.ts';
import { asOwner, DATABASE, passwordStatement } from './owner.ts';
import { newPassword, pick, scramVerifier } from './password.ts';
import { labelsOf, templateOf, upNow } from './power.ts';
import type { DatabaseRecord } from './records.ts';
import { TASKS_MOST } from './scratch.ts';
import type { DatabaseTemplates } from './templates.ts';
import { requireVersion } from './versions.ts';

const MIB = 1024 * 1024;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 13;
const ENDPOINT_LENGTH = 6;

/** Makes a database: a thaw of a VM in which Postgres runs, on a disk and with a password of its own. */
export async function create(
  fleet: Fleet,
  templates: DatabaseTemplates,
  request: DatabaseRequest & { project: string },
  signal: AbortSignal,
): Promise<LiveDatabase> {
  const { host, control, log, maxMemoryMiB } = fleet.parts;
  requireDatabaseName(request.name);
  const size = requireSize(request, maxMemoryMiB);
  const record = newRecord(fleet, {
    ...request,
    ...size,
    version: requireVersion(request.version),
    dbname: DATABASE,
    parent: null,
    preview: null,
    backupKey: newPassword(fleet.parts.random),
  });
  // Before the name is taken: a machine without the image has no databases.
  const { template, password } = await templates.get(await templateOf(fleet, record, signal), size.diskMiB);
  const verifier = scramVerifier(record.password, fleet.parts.random);
  await control.databases.add(record);
  return keptOrUndone(fleet, record, async (live) => {
    const began = performance.now();
    const labels = labelsOf(record.id);
    const vm = await host.thaw(
      { template: template.id, labels, egress: { mode: 'none' }, memory: 'own', tasksMax: TASKS_MOST },
      signal,
    );
    fleet.settle(live, vm.id);
    const disk = vm.disks?.[0]?.disk ?? '';
    record.disk = disk;
    const thawed = performance.now();
    await Promise.all([
      asOwner(vm.address, { dbname: DATABASE, password }, passwordStatement(await verifier), signal),
      poolReady(host, vm.id, signal),
      host.growDisk(disk, size.diskMiB * MIB, signal),
    ]);
    const phases = { thaw: thawed - began, own: performance.now() - thawed };
    log.info({ database: record.name, phases, thaw: vm.phases }, 'database made');
  });
}

/** Sessions of the original were copied, but not their clients; those of its superuser are the pool's, and end with it. */
const END_OTHERS = `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
  WHERE pid <> pg_catalog.pg_backend_pid() AND usename <> 'postgres' AND backend_type IN ('client backend', 'walsender');`;

/**
 * Branches a database: a copy of its VM and disk as they are at this moment. What was committed is in both; what was not is
 * in the original alone.
 */
export async function branch(
  fleet: Fleet,
  parent: LiveDatabase,
  { name, preview = null }: { name: string; preview?: DatabaseRecord['preview'] },
  signal: AbortSignal,
): Promise<LiveDatabase> {
  const { host, control, log } = fleet.parts;
  requireDatabaseName(name);
  const { id: _, createdAt: __, ...settings } = parent.record;
  // Many previews of a database that never sleeps would take all memory.
  const sleep = preview === null ? {} : { idleSeconds: undefined, keepAwake: [] };
  const record = newRecord(fleet, { ...settings, ...sleep, name, preview, parent: parent.record.name });
  const verifier = scramVerifier(record.password, fleet.parts.random);
  await control.databases.add(record);
  return keptOrUndone(fleet, record, async (live) => {
    const began = performance.now();
    const vm = await parent.turn(async () => {
      await upNow(fleet, parent, signal);
      return host.fork(parent.vm ?? '', labelsOf(record.id), signal);
    });
    fleet.settle(live, vm.id);
    record.disk = vm.disks?.[0]?.disk ?? null;
    const forked = performance.now();
    const anew = `${passwordStatement(await verifier)} ${END_OTHERS}`;
    await Promise.all([
      // Its owner may have chosen another password, or renamed the database.
      asOwner(vm.address, parent.record, anew, signal).catch(() => sql(host, vm.id, 'postgres', anew, signal)),
      renewPool(host, vm.id, signal),
    ]);
    const phases = { fork: forked - began, own: performance.now() - forked };
    const stoodStillMs = vm.phases.copy;
    log.info(
      { database: record.name, parent: record.parent, stoodStillMs, phases, fork: vm.phases },
      'database branched',
    );
  });
}

/** Restores a database, as it was at a moment, into a new one. */
export async function restore(
  fleet: Fleet,
  backups: Backups,
  wanted: { source: LiveDatabase; name: string; at: Date | null },
  signal: AbortSignal,
): Promise<LiveDatabase> {
  const { source, name, at } = wanted;
  requireDatabaseName(name);
  const { id: _, createdAt: __, ...settings } = source.record;
  const record = newRecord(fleet, { ...settings, name, preview: null, parent: source.record.name });
  const verifier = scramVerifier(record.password, fleet.parts.random);
  await fleet.parts.control.databases.add(record);
  return keptOrUndone(fleet, record, async (live) => {
    await backups.restore(source, live, at, signal);
    await sql(fleet.parts.host, live.vm ?? '', 'postgres', passwordStatement(await verifier), signal);
  });
}

function newRecord(
  { parts }: Fleet,
  wanted: Omit<DatabaseRequest, 'version' | 'memoryMiB' | 'diskMiB'> & {
    project: string;
    version: number;
    memoryMiB: number;
    diskMiB: number;
    parent: string | null;
    preview: DatabaseRecord['preview'];
    dbname: string;
    backupKey: string;
  },
): DatabaseRecord {
  const { random, clock, idleSeconds } = parts;
  const { project, name, dbname, version, memoryMiB, diskMiB, parent, preview, keepAwake = [], backupKey } = wanted;
  return {
    id: `pg${pick(random, LETTERS, ID_LENGTH)}`,
    ...{ project, name, dbname, version, memoryMiB, diskMiB, parent, preview, keepAwake, backupKey },
    endpoint: `${name}-${pick(random, LETTERS, ENDPOINT_LENGTH)}`,
    idleSeconds: requireIdle(wanted.idleSeconds ?? idleSeconds),
    createdAt: clock().toISOString(),
    status: 'creating',
    password: newPassword(random),
    disk: null,
  };
}

/** Makes what the record says, or leaves nothing of it. */
async function keptOrUndone(
  fleet: Fleet,
  record: DatabaseRecord,
  make: (live: LiveDatabase) => Promise<void>,
): Promise<LiveDatabase> {
  const { control, host, log } = fleet.parts;
  const live = fleet.keep(record);
  try {
    return await live.turn(async () => {
      live.state = 'starting';
      await make(live);
      if (record.disk === null) throw new ThawError('internal', 'A database has no disk.');
      await control.databases.update(record.id, { status: 'ready', disk: record.disk });
      record.status = 'ready';
      live.state = 'awake';
      fleet.parts.listed();
      return live;
    });
  } catch (error) {
    live.removing = true;
    await undo(fleet, live).catch((err: unknown) =>
      log.warn({ database: record.name, err }, 'a database is left half made'),
    );
    throw error;
  }

  async function undo({ parts }: Fleet, of: LiveDatabase): Promise<void> {
    if (of.vm !== null) await host.end(of.vm);
    fleet.forget(of);
    for (const { id, labels } of await parts.host.disks()) {
      if (labels.database === of.id) await parts.host.removeDisk(id);
    }
    await control.databases.drop(of.id);
  }
}
