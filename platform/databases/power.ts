import { ThawError, toThawError } from '../errors.ts';
import type { Template } from '../host/contract.ts';
import type { Fleet } from './fleet.ts';
import { DATA, PORTS, poolReady, sql, startPostgres } from './guest.ts';
import type { LiveDatabase } from './live.ts';
import type { DatabaseRecord } from './records.ts';
import { SCRATCH_ROLE, TASKS_MOST } from './scratch.ts';
import { imageOf } from './versions.ts';

/** Label that tells a database's VM and disk from all others. */
export const ROLE = 'database';
/** Roles of VMs that are looked after here. */
export const DATABASE_ROLES = [ROLE, SCRATCH_ROLE];
const LISTEN_LIMIT_MS = 1000;

export function labelsOf(id: string): Record<string, string> {
  return { role: ROLE, database: id };
}

/** The image in the size of a database, without Postgres running: what one is started in that has a disk already. */
export async function templateOf(
  { parts }: Fleet,
  { version, memoryMiB }: Pick<DatabaseRecord, 'version' | 'memoryMiB'>,
  signal?: AbortSignal,
): Promise<Template> {
  return parts.host.runtimeTemplate(imageOf({ version }), { memoryMiB, vcpus: vcpusOf(memoryMiB) }, signal);
}

/** Where there are no backups Postgres' log is not archived. */
export function backupKeyOf({ parts }: Fleet, { backupKey }: DatabaseRecord): string | undefined {
  return parts.backups === undefined ? undefined : backupKey;
}

/** Two processors, so that Postgres and its pool start side by side; one for each 4 GiB past 8, at most eight. */
function vcpusOf(memoryMiB: number): number {
  return Math.min(8, Math.max(2, Math.ceil(memoryMiB / 4096)));
}

/**
 * Sees to it that a database takes connections. Its snapshot goes on where there is one; else a VM is thawed and Postgres
 * started on the disk, which recovers by itself what was committed.
 *
 * @throws ThawError what `Host.wake` and `Host.thaw` do; `unavailable` when Postgres does not start
 */
export function up(fleet: Fleet, live: LiveDatabase, signal: AbortSignal): Promise<string> {
  live.usedAt = fleet.parts.clock().getTime();
  return live.turn(() => {
    if (live.removing) throw new ThawError('gone', `The database ${live.record.name} was removed.`);
    return upNow(fleet, live, signal);
  });
}

/** The same, for who has the database's turn. */
export async function upNow(fleet: Fleet, live: LiveDatabase, signal: AbortSignal): Promise<string> {
  const { host, log } = fleet.parts;
  if (live.vm !== null) {
    const vm = host.get(live.vm);
    if (vm !== undefined && !vm.asleep) {
      live.state = 'awake';
      return addressOf(fleet, live.vm);
    }
    if (vm !== undefined) {
      try {
        await host.wake(vm.id, signal);
        live.state = 'awake';
        return addressOf(fleet, vm.id);
      } catch (thrown) {
        const error = toThawError(thrown);
        if (error.code === 'no_room' || error.code === 'cancelled') throw error;
        log.warn({ database: live.record.name, err: error }, 'a database did not wake up; it starts anew');
        await host.end(vm.id);
      }
      // Its sessions are gone with it.
      fleet.parts.changed(live.id, 'gone');
    }
    fleet.settle(live, null);
  }
  return start(fleet, live, signal);
}

/**
 * Puts a database to sleep, with its connections.
 *
 * @throws ThawError `conflict` while something is done inside, and what `Host.sleep` does
 */
export function sleep(fleet: Fleet, live: LiveDatabase): Promise<void> {
  return live.turn(async () => {
    if (live.vm === null || live.state !== 'awake') return;
    if (live.uses > 0)
      throw new ThawError('conflict', `The database ${live.record.name} is being backed up or exported.`);
    // Postgres has synced what it has acknowledged, and reads the rest from its log.
    await fleet.parts.host.sleep(live.vm, { sync: false });
    live.state = 'asleep';
  });
}

/** Ends the VM of an awake database in which Postgres does not listen. */
export function revive(fleet: Fleet, live: LiveDatabase): Promise<void> {
  return live.turn(async () => {
    const { vm, record } = live;
    if (vm === null || live.state !== 'awake' || (await isListening(fleet, vm))) return;
    fleet.parts.log.warn({ database: record.name }, 'Postgres has ended; it starts anew when it is wanted');
    fleet.settle(live, null);
    await fleet.parts.host.end(vm);
    fleet.parts.changed(live.id, 'gone');
  });
}

/** Whether Postgres takes connections in a VM that runs. */
export async function isListening({ parts }: Fleet, vm: string): Promise<boolean> {
  return parts.host.waitListening(vm, PORTS.direct, LISTEN_LIMIT_MS).then(
    ({ listening }) => listening,
    () => false,
  );
}

async function start(fleet: Fleet, live: LiveDatabase, signal: AbortSignal): Promise<string> {
  const { host, log } = fleet.parts;
  const { disk, name, dbname } = live.record;
  const backupKey = backupKeyOf(fleet, live.record);
  if (disk === null) throw new ThawError('unavailable', `The database ${name} is not made yet.`);
  live.state = 'starting';
  const began = performance.now();
  try {
    const template = await templateOf(fleet, live.record, signal);
    const vm = await host.thaw(
      {
        template: template.id,
        labels: labelsOf(live.id),
        egress: { mode: 'none' },
        memory: 'own',
        tasksMax: TASKS_MOST,
        disks: [{ disk, path: DATA, owner: 'app' }],
      },
      signal,
    );
    fleet.settle(live, vm.id);
    try {
      // The first session of a database reads its catalogues; the client's is the second.
      await Promise.all([
        startPostgres(host, vm.id, { shape: template.shape, name: dbname, backupKey }, signal),
        sql(host, vm.id, dbname, 'select 1', signal),
      ]);
      await poolReady(host, vm.id, signal);
    } catch (error) {
      fleet.settle(live, null);
      await host.end(vm.id);
      throw error;
    }
    live.state = 'awake';
    log.info({ database: name, ms: Math.round(performance.now() - began) }, 'database started');
    return vm.address;
  } catch (error) {
    live.state = 'stopped';
    throw error;
  }
}

function addressOf({ parts }: Fleet, vm: string): string {
  const address = parts.host.get(vm)?.address;
  if (address === undefined) throw new ThawError('unavailable', 'The database has just ended.');
  return address;
}
