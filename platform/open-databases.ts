import { randomBytes } from 'node:crypto';
import { PostgresEdge } from '../router/postgres/edge.ts';
import type { PostgresEvent } from '../router/postgres/parts.ts';
import { AttachedDatabases } from './attached-databases.ts';
import type { Config } from './config.ts';
import type { Control } from './control/contract.ts';
import { DatabaseEdge } from './database-edge.ts';
import { Certificates } from './databases/certificates.ts';
import type { Databases } from './databases/databases.ts';
import { DEFAULT_MEMORY_MIB } from './databases/limits.ts';
import { openDatabases } from './databases/open.ts';
import type { Host } from './host/contract.ts';
import { GATEWAY_PORTS, gatewayServiceAddress } from './host/network/addresses.ts';
import type { Log } from './log.ts';
import { PreviewDatabases } from './preview-databases.ts';

/** The name under which a guest's own `/etc/hosts` knows the gateway (`runtime-images/base`). */
const GUEST_HOST = 'postgres.internal';
const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);

export interface DatabaseServiceParts {
  config: Config;
  host: Host;
  control: Control;
  /** The project of a sandbox. */
  sandboxProject(sandbox: string): string | undefined;
  observe(event: PostgresEvent): void;
  log: Log;
}

export interface DatabaseService extends AsyncDisposable {
  databases: Databases;
  edge: PostgresEdge;
  previews: PreviewDatabases;
  attachments: AttachedDatabases;
  /** What clients have to trust to check the edge's certificate, as PEM. */
  authority: string;
  /** Puts a database to sleep now. @returns false when something is under way */
  sleep(id: string): Promise<boolean>;
  /** Makes what the first database would wait for, unless the image for it is not here. */
  prepare(signal: AbortSignal): Promise<void>;
}

/** Opens the databases and the edge that leads to them: for everybody at `THAW_PG`, and for guests at their gateway. */
export async function openDatabaseService(parts: DatabaseServiceParts): Promise<DatabaseService> {
  const { config, host, control, observe, log } = parts;
  await using opened = new AsyncDisposableStack();
  const link = new DatabaseEdge();
  const clock = () => new Date();
  const name = EVERY_ADDRESS.has(config.pg.host) ? config.domain : config.pg.host;
  const certificates = await Certificates.open({
    directory: config.data,
    names: [...new Set([name, config.domain, 'localhost', '127.0.0.1', GUEST_HOST])],
    clock,
    random: randomBytes,
  });
  const gateway = { host: gatewayServiceAddress(config.serverId), port: GATEWAY_PORTS.postgres };
  const databases: Databases = opened.use(
    await openDatabases({
      ...link.toEdge,
      host,
      control,
      addresses: () => ({
        edge: { host: name, port: edge.listen.port },
        guest: { host: GUEST_HOST, port: gateway.port },
      }),
      ...(config.backups === undefined ? {} : { backups: config.backups }),
      idleSeconds: config.databaseIdleMs / 1000,
      maxMemoryMiB: config.databaseMaxMemoryMiB,
      clock,
      random: randomBytes,
      log: log.child({ room: 'databases' }),
    }),
  );
  /** Guests are known by the addresses of their slots; whoever else gets here comes from outside. */
  const reaches = async (address: string): Promise<string | null | undefined> => {
    const vm = host.list().find((one) => one.address === address);
    if (vm === undefined) return address.startsWith('10.200.') ? undefined : null;
    const { app, sandbox } = vm.labels;
    if (sandbox !== undefined) return parts.sandboxProject(sandbox);
    if (app === undefined) return undefined;
    return control.apps.get(app, null).then(
      ({ project }) => project,
      () => undefined,
    );
  };
  const edge: PostgresEdge = opened.use(
    new PostgresEdge({
      ...link.toDatabases,
      reaches,
      certificate: (serverName) => certificates.of(isDatabase(serverName) ? serverName : undefined),
      observe,
      log: log.child({ room: 'postgres-edge' }),
      now: () => performance.now(),
      wakeTimeoutMs: config.wakeTimeoutMs,
    }),
  );
  const isDatabase = (serverName: string | undefined): boolean =>
    databases.reachable(serverName?.split('.')[0] ?? '') !== undefined;
  await edge.open(config.pg);
  await edge.open(gateway, 'more');
  link.join({ databases, edge });
  const previews = new PreviewDatabases({ control, databases, log: log.child({ room: 'previews' }) });
  const closing = opened.move();
  return {
    databases,
    previews,
    attachments: new AttachedDatabases({ control, databases, previews }),
    edge,
    authority: certificates.authority,
    async sleep(id) {
      if (edge.knows(id)) return edge.sleep(id);
      await databases.sleep(id);
      return true;
    },
    prepare: (signal) =>
      databases.prepare(DEFAULT_MEMORY_MIB, signal).catch((err: unknown) => {
        if (!signal.aborted) log.info({ err }, 'databases could not be prepared ahead');
      }),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
