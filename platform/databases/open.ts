import { Backups } from './backups/backups.ts';
import { openStore } from './backups/open-store.ts';
import { Repositories } from './backups/repository.ts';
import { Databases } from './databases.ts';
import { Fleet } from './fleet.ts';
import type { DatabasesParts } from './parts.ts';
import { isListening, ROLE, sleep } from './power.ts';
import { sweepScratch } from './scratch.ts';
import { DatabaseTemplates } from './templates.ts';

/**
 * Opens the room: finds the databases of the server before, and ends what was half made or half removed. Disposing it puts
 * those that run to sleep.
 */
export async function openDatabases(parts: DatabasesParts): Promise<Databases> {
  const { host, log } = parts;
  await using opened = new AsyncDisposableStack();
  const fleet = new Fleet(parts);
  const templates = opened.use(new DatabaseTemplates(host, parts.random, log));
  await sweepScratch(host);
  await takeBack(fleet);
  const closing = new AbortController();
  const watching = watch(fleet, closing.signal);
  opened.defer(async () => {
    // What is being made or started comes to its end first.
    await Promise.allSettled(fleet.all().map((live) => live.turn(async () => {})));
    const awake = fleet.all().filter(({ state }) => state === 'awake');
    await Promise.all(
      awake.map((live) =>
        sleep(fleet, live).catch((err: unknown) =>
          log.warn({ database: live.record.name, err }, 'a database could not be put to sleep'),
        ),
      ),
    );
    closing.abort();
    await watching;
  });
  log.debug({ databases: fleet.all().length }, 'databases open');
  const backups =
    parts.backups && opened.use(new Backups(fleet, new Repositories(openStore(parts.backups.place)), parts.backups));
  return new Databases(fleet, templates, backups, opened.move());
}

async function takeBack(fleet: Fleet): Promise<void> {
  const { control, host, log } = fleet.parts;
  const records = await control.databases.all();
  const ready = new Map(records.filter(({ status }) => status === 'ready').map((record) => [record.id, record]));
  for (const vm of host.list()) {
    if (vm.labels.role === ROLE && !ready.has(vm.labels.database ?? '')) await host.end(vm.id);
  }
  for (const { id, labels } of await host.disks()) {
    if (labels.role === ROLE && ready.get(labels.database ?? '')?.disk !== id) {
      log.info({ disk: id }, 'removing the disk of no database');
      await host.removeDisk(id);
    }
  }
  for (const { id, status } of records) if (status !== 'ready') await control.databases.drop(id);
  for (const record of ready.values()) {
    const live = fleet.keep(record);
    const vm = host.list().find(({ labels }) => labels.role === ROLE && labels.database === record.id);
    if (vm === undefined) continue;
    // One that runs may have been left before Postgres was there.
    if (vm.asleep || (await isListening(fleet, vm.id))) {
      fleet.settle(live, vm.id);
      live.state = vm.asleep ? 'asleep' : 'awake';
    } else await host.end(vm.id);
  }
}

/** Hears of VMs that end by themselves. */
async function watch(fleet: Fleet, signal: AbortSignal): Promise<void> {
  for await (const event of fleet.parts.host.events(signal)) {
    if (event.kind !== 'ended') continue;
    const live = fleet.ofVm(event.vm);
    if (live === undefined) continue;
    fleet.settle(live, null);
    fleet.parts.log.warn({ database: live.record.name, reason: event.reason }, 'the VM of a database ended');
    fleet.parts.changed(live.id, 'gone');
  }
}
