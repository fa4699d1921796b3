import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { Certificates } from '../../platform/databases/certificates.ts';
import type { ThawError } from '../../platform/errors.ts';
import { silentLog } from '../../platform/log.ts';
import { PostgresEdge } from '../../router/postgres/edge.ts';
import type { PostgresEdgeParts, PostgresRoute } from '../../router/postgres/parts.ts';
import { startPostgres } from '../fixtures/postgres.ts';

export const PASSWORD = 'secret';

/** The edge in front of a real Postgres, whose processes are stopped while it sleeps. */
export interface PostgresStand extends AsyncDisposable {
  edge: PostgresEdge;
  port: number;
  /** What happened, in order. */
  turns: ('up' | 'sleep')[];
  /** The certificate to trust. */
  authority: string;
  route: PostgresRoute;
  /** What it says that it is busy with. */
  busy: string | undefined;
  /** How bringing it up fails from now on. */
  broken: ThawError | undefined;
  url(user?: string, password?: string, database?: string): string;
  asleep(): Promise<void>;
}

/** `main-abcdef` leads to the database `main` of the project `default`, whose role `app` has the password. */
export async function openPostgresStand(
  more: Partial<PostgresEdgeParts> & { idleMs?: number } = {},
): Promise<PostgresStand> {
  await using opened = new AsyncDisposableStack();
  const upstream = await freePort();
  const server = opened.use(await startPostgres({ port: upstream }));
  await server.sql(`create role app login superuser password '${PASSWORD}'`);
  await server.database('main');
  const directory = await mkdtemp('/tmp/thaw-pg-edge-');
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const clock = () => new Date();
  const certificates = await Certificates.open({
    ...{ directory, clock, random: randomBytes },
    names: ['localhost', '127.0.0.1'],
  });
  const { idleMs = 200, ...parts } = more;
  const route = { database: 'pg1', name: 'main', project: 'default', idleMs, listenersKeepAwake: false };
  const turns: PostgresStand['turns'] = [];
  let stopped = false;
  const waiting: (() => void)[] = [];
  const edge = opened.use(
    new PostgresEdge({
      resolve: (endpoint) => (endpoint === 'main-abcdef' ? stand.route : undefined),
      async up() {
        if (stand.broken !== undefined) throw stand.broken;
        if (stopped) await server.release();
        stopped = false;
        turns.push('up');
        return { address: '127.0.0.1', directPort: upstream, pooledPort: upstream };
      },
      async sleep() {
        await server.hold();
        stopped = true;
        turns.push('sleep');
        for (const resolve of waiting.splice(0)) resolve();
      },
      busyWith: async () => stand.busy,
      unreachable: async () => {},
      certificate: (name) => certificates.of(name),
      log: silentLog(),
      now: () => performance.now(),
      wakeTimeoutMs: 5000,
      ...parts,
    }),
  );
  opened.defer(() => server.release());
  await edge.open({ host: '127.0.0.1', port: 0 });
  const { port } = edge.listen;
  const closing = opened.move();
  const stand: PostgresStand = {
    ...{ edge, port, turns, route, busy: undefined, broken: undefined },
    authority: certificates.authority,
    url: (user = 'main-abcdef', password = PASSWORD, database = 'main') =>
      `postgres://${user}:${password}@127.0.0.1:${port}/${database}`,
    async asleep() {
      if (stopped) return;
      await new Promise<void>((resolve) => waiting.push(resolve));
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
  return stand;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
