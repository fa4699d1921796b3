import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { Broadcast } from './broadcast.ts';
import { Cgroups } from './cgroup.ts';
import type { Host, HostEvent } from './contract.ts';
import { Overlays } from './disk/overlay.ts';
import { DiskStore } from './disk/store.ts';
import { LocalHost } from './local-host.ts';
import { gatewayServiceAddress, SLOT_COUNT } from './network/addresses.ts';
import { openGateway } from './network/gateway.ts';
import { Slots } from './network/slots.ts';
import type { HostParts } from './parts.ts';
import { reconcile } from './reconcile.ts';
import { TemplateCatalogue } from './templates/chain.ts';
import { TemplateStore } from './templates/store.ts';
import { isAlive } from './vmm/process.ts';

const OUTDATED_AFTER_MS = 24 * 60 * 60_000;

/**
 * Opens this machine as a host: takes back what the server before left, and
 * makes slots ahead. Only one server may have a data directory open.
 *
 * @throws ThawError `misconfigured` when the machine lacks what VMs need
 */
export async function openHost(parts: HostParts): Promise<Host> {
  const { vmm, imageSet, data, cache, serverId, log } = parts;
  await using resources = new AsyncDisposableStack();
  for (const directory of [data, cache]) await mkdir(directory, { recursive: true, mode: 0o700 });
  const templates = await TemplateStore.open(join(data, 'templates'), log);
  const store = await TemplateStore.open(join(cache, 'templates'), log);
  await templates.sweep(() => true);
  await store.sweep((pid) => !isAlive(pid));
  const cgroups = resources.use(await Cgroups.open(serverId));
  const address = gatewayServiceAddress(serverId);
  const events = new Broadcast<HostEvent>();
  const gateway = resources.use(
    await openGateway({
      address,
      ...(parts.resolver === undefined ? {} : { resolver: parts.resolver }),
      intercept: parts.intercept,
      publish: (event) => events.publish(event),
      log: log.child({ room: 'gateway' }),
    }),
  );
  const slots = resources.use(
    new Slots({
      ahead: parts.slotsAhead,
      owner: data,
      firstIndex: Number.parseInt(serverId, 16) % SLOT_COUNT,
      gateway: address,
      divert: gateway,
      log,
    }),
  );
  const directory = join(data, 'vms');
  const disks = await DiskStore.open(join(data, 'disks'), log);
  const left = { vmm, slots, cgroups, egress: gateway, disks, serverId, directory, log };
  const { adopted, sleeping } = await reconcile(left);
  await slots.fill();
  const catalogue = new TemplateCatalogue([templates, store], vmm.identity, imageSet);
  await removeOutdated(store, catalogue, log);
  return new LocalHost({
    ...left,
    ...{ imageSet, adopted, sleeping, events, store, templates },
    overlays: new Overlays(join(data, 'templates', '.empty')),
    catalogue,
    acceleratorReason: parts.acceleratorReason,
    resources: resources.move(),
  });
}

/**
 * Templates of booted images that nothing here can load any more: another QEMU,
 * agent or image has come since. Fresh ones are left, as another server that
 * shares the cache may just have made them.
 */
async function removeOutdated(store: TemplateStore, catalogue: TemplateCatalogue, log: Log): Promise<void> {
  for (const { manifest } of store.list()) {
    const age = Date.now() - Date.parse(manifest.createdAt);
    if (age < OUTDATED_AFTER_MS || !catalogue.isStale(manifest.id)) continue;
    log.info({ template: manifest.id, runtime: manifest.runtime }, 'removing the template of an outdated image');
    await store.remove(manifest.id);
  }
}
