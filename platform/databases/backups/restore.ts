import type { Vm } from '../../host/contract.ts';
import type { Fleet } from '../fleet.ts';
import { DATA, poolReady, restoreCluster, sql, startPostgres } from '../guest.ts';
import type { LiveDatabase } from '../live.ts';
import { labelsOf, templateOf } from '../power.ts';
import { SCRATCH_ROLE } from '../scratch.ts';
import type { Repositories } from './repository.ts';

const MIB = 1024 * 1024;

interface Wanted {
  source: LiveDatabase;
  target: LiveDatabase;
  /** Null: as late as possible. */
  at: Date | null;
}

/** Makes the disk and the VM of a new database out of the backups of another. */
export async function restoreInto(
  fleet: Fleet,
  repositories: Repositories,
  { source, target, at }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { record } = target;
  const { host } = fleet.parts;
  const disk = await host.createDisk({ sizeBytes: record.diskMiB * MIB, labels: labelsOf(record.id) }, signal);
  record.disk = disk.id;
  const vm = await restored(fleet, repositories, { source, at, disk: disk.id, labels: labelsOf(record.id) }, signal);
  fleet.settle(target, vm.id);
  await poolReady(host, vm.id, signal);
}

/** Restores the newest state, reads every page of every table and index of it, and leaves nothing. @throws what went wrong */
export async function scratch(fleet: Fleet, repositories: Repositories, source: LiveDatabase, signal: AbortSignal) {
  const { host } = fleet.parts;
  const labels = { role: SCRATCH_ROLE, test: source.id };
  const disk = await host.createDisk({ sizeBytes: source.record.diskMiB * MIB, labels }, signal);
  try {
    const vm = await restored(fleet, repositories, { source, at: null, disk: disk.id, labels }, signal);
    try {
      await sql(host, vm.id, source.record.dbname, READ_ALL, signal);
    } finally {
      await host.end(vm.id);
    }
  } finally {
    await host.removeDisk(disk.id);
  }
}

/** On its way to the moment that is wanted it answers already, but takes no changes. */
const UNTIL_THERE = `SET statement_timeout = 0;
DO $$ BEGIN WHILE pg_is_in_recovery() LOOP PERFORM pg_sleep(0.05); END LOOP; END $$;`;

/** With checksums, reading a page is checking it. */
const READ_ALL = `SET statement_timeout = 0;
CREATE EXTENSION IF NOT EXISTS amcheck;
SELECT bt_index_check(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
  WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p';
DO $$ DECLARE one regclass; BEGIN
  FOR one IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'm') AND relpersistence = 'p' LOOP
    PERFORM 1 FROM verify_heapam(one);
  END LOOP;
END $$;`;

async function restored(
  fleet: Fleet,
  repositories: Repositories,
  wanted: { source: LiveDatabase; at: Date | null; disk: string; labels: Record<string, string> },
  signal: AbortSignal,
): Promise<Vm> {
  const { host } = fleet.parts;
  const { source, at, disk, labels } = wanted;
  const { dbname, backupKey } = source.record;
  const template = await templateOf(fleet, source.record, signal);
  const disks = [{ disk, path: DATA, owner: 'app' as const }];
  const vm = await host.thaw({ template: template.id, labels, egress: { mode: 'none' }, memory: 'own', disks }, signal);
  try {
    await repositories.push(host, vm.id, source.id, signal);
    await restoreCluster(host, vm.id, { key: backupKey, at }, signal);
    await startPostgres(host, vm.id, { shape: template.shape, name: dbname, backupKey }, signal);
    await sql(host, vm.id, 'postgres', UNTIL_THERE, signal);
    return vm;
  } catch (error) {
    await host.end(vm.id);
    throw error;
  }
}
