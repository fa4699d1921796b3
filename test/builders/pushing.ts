import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { Builders, BuildSettings } from '../../builders/contract.ts';
import { openBuilders } from '../../builders/open.ts';
import type { Control } from '../../platform/control/contract.ts';
import { openControl } from '../../platform/control/open.ts';
import { createLog, silentLog } from '../../platform/log.ts';
import { putEmptyDatabase } from '../fixtures/empty-database.ts';
import { ProcessHost } from './process-host.ts';

/** A real control plane, git room and HTTP server on loopback. */
export interface Stand extends AsyncDisposable {
  control: Control;
  host: ProcessHost;
  builders: Builders;
  /** The admin key. */
  key: string;
  data: string;
  /** A remote's URL with a key in it. */
  remote(app: string, key?: string): string;
  /** Ends the server as a crash would leave the data, runs `meanwhile`, and starts another. */
  restart(meanwhile?: (control: Control) => Promise<void>): Promise<void>;
}

export async function openStand(settings: Partial<BuildSettings> = {}): Promise<Stand> {
  const data = await mkdtemp(join(tmpdir(), 'thaw-builders-'));
  await putEmptyDatabase(data);
  const host = new ProcessHost();
  let running = await start(data, host, settings);
  return {
    host,
    data,
    get control() {
      return running.control;
    },
    get builders() {
      return running.builders;
    },
    get key() {
      return readFileSync(join(data, 'admin.key'), 'utf8').trim();
    },
    remote(app, key = readFileSync(join(data, 'admin.key'), 'utf8').trim()) {
      return `http://git:${key}@127.0.0.1:${running.port}/git/${app}.git`;
    },
    async restart(meanwhile) {
      await running.stack.disposeAsync();
      if (meanwhile) {
        await using control = await openControl({ databaseUrl: undefined, dataDir: data, log: silentLog() });
        await meanwhile(control);
      }
      running = await start(data, host, settings);
    },
    async [Symbol.asyncDispose]() {
      await running.stack.disposeAsync();
      await host[Symbol.asyncDispose]();
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function start(data: string, host: ProcessHost, settings: Partial<BuildSettings>) {
  await using opening = new AsyncDisposableStack();
  const control = opening.use(await openControl({ databaseUrl: undefined, dataDir: data, log: silentLog() }));
  const builders = opening.use(
    await openBuilders({
      host: host.asHost(),
      control,
      log: createLog(process.env.LOG ?? 'silent'),
      settings: {
        maxSourceBytes: 4 * 1024 * 1024,
        buildTimeoutMs: 60_000,
        startTimeoutMs: 30_000,
        buildCacheBytes: 1024 ** 3,
        buildDiskBytes: 0,
        pipIndex: '',
        go: {},
        maxConcurrentBuilds: 1,
        caBundle: '',
        npmrc: '',
        registryHosts: [],
        egressProxy: 'http://127.0.0.1:1',
        ...settings,
      },
      url: (app, branch) => `http://${branch === 'main' ? '' : `${branch}--`}${app}.localhost/`,
      repos: join(data, 'git'),
      node: process.execPath,
    }),
  );
  await builders.reconcile();
  const server = serve({ fetch: new Hono().route('/git', builders.git).fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  opening.defer(async () => {
    const closed = once(server, 'close');
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
    await closed;
  });
  return { control, builders, port: (server.address() as AddressInfo).port, stack: opening.move() };
}

/** Waits for something that no event tells of. */
export async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > 10_000) throw new Error(`never so: ${holds}`);
    await sleep(5);
  }
}

export const HELLO = "export default { fetch() { return new Response('hello') } };\n";
