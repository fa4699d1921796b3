import { execFile } from 'node:child_process';
import { EventEmitter, on, once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { serve } from '@hono/node-server';
import { createApi } from '../../platform/api/create.ts';
import type { ApiParts, Instance, LogOptions } from '../../platform/api/parts.ts';
import type { CachedInstall, Control, CronSpec } from '../../platform/control/contract.ts';
import { openControl } from '../../platform/control/open.ts';
import { ThawError } from '../../platform/errors.ts';
import { silentLog } from '../../platform/log.ts';
import type { LogLine } from '../../platform/logs/contract.ts';
import { RUN, temporaryDirectory } from '../fixtures/control.ts';
import { putEmptyDatabase } from '../fixtures/empty-database.ts';
import { noSandboxes } from '../fixtures/sandboxes.ts';
import { volumesWithoutVms } from '../fixtures/volumes.ts';

/** The real API on a real control plane; what would need VMs is played by the test. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  readonly adminKey: string;
  readonly control: Control;
  /** Where the tree of the n-th deployment (from 0) was unpacked. */
  tree(index: number): string;
  /** Waits for somebody to follow a log, then writes lines to it; `end` ends the log. */
  readonly log: EventEmitter<{ line: [LogLine]; followed: []; unfollowed: [] }>;
  readonly past: LogLine[];
  /** What logs were asked for. */
  readonly asked: LogOptions[];
  readonly instances: Instance[];
  /** Of every app. */
  readonly crons: CronSpec[];
  readonly cached: CachedInstall[];
  /** The next deployments fail with this. */
  failDeploymentsWith(error: ThawError | undefined): void;
  /** Waits in the middle of a deployment until it is aborted. */
  readonly building: { hold: boolean; began: PromiseWithResolvers<void>; aborted: PromiseWithResolvers<void> };
}

const MAX_UPLOAD = 16 * 1024 * 1024;

export async function startServer(): Promise<TestServer> {
  await using stack = new AsyncDisposableStack();
  const root = stack.use(await temporaryDirectory()).path;
  const dataDir = join(root, 'data');
  await putEmptyDatabase(dataDir);
  const control = stack.use(await openControl({ databaseUrl: undefined, dataDir, log: silentLog() }));
  const closing = new AbortController();
  const log: TestServer['log'] = new EventEmitter();
  const past: LogLine[] = [];
  const asked: LogOptions[] = [];
  const instances: Instance[] = [];
  const crons: CronSpec[] = [];
  const cached: CachedInstall[] = [];
  const building: TestServer['building'] = {
    hold: false,
    began: Promise.withResolvers(),
    aborted: Promise.withResolvers(),
  };
  let failure: ThawError | undefined;
  let deployments = 0;
  const tree = (index: number) => join(root, 'trees', String(index));

  const deploy: ApiParts['deploy'] = async (request, report, signal) => {
    const to = tree(deployments++);
    await mkdir(to, { recursive: true });
    report('Receiving.');
    const tar = execFile('tar', ['-x', '-f', '-', '-C', to]);
    if (tar.stdin === null) throw new ThawError('internal', 'tar has no input.');
    const unpacked = once(tar, 'close');
    await pipeline(Readable.from(request.source), tar.stdin);
    await unpacked;
    if (building.hold) {
      const aborted = once(signal, 'abort');
      building.began.resolve();
      await aborted;
      building.aborted.resolve();
      signal.throwIfAborted();
    }
    if (failure !== undefined) throw failure;
    report('Baking.');
    const { app, branch } = request;
    const begun = await control.deployments.begin({ app, branch, commit: null });
    const deployment = await control.deployments.ready(begun.id, { kind: 'function', template: 't_1', run: RUN });
    const release = await control.releases.create({ app, branch, deployment: deployment.id, reason: 'deploy' });
    return { deployment, release, url: `http://${app}.localhost:8080/` };
  };

  const redeploy: ApiParts['redeploy'] = async ({ app: { name: app }, branch }, report) => {
    report('Baking.');
    if (failure !== undefined) throw failure;
    const begun = await control.deployments.begin({ app, branch, commit: null });
    const deployment = await control.deployments.ready(begun.id, { kind: 'function', template: 't_2', run: RUN });
    const release = await control.releases.create({ app, branch, deployment: begun.id, reason: 'environment' });
    return { deployment, release, url: `http://${app}.localhost:8080/` };
  };

  async function* logs(_: unknown, options: LogOptions, signal: AbortSignal) {
    const { follow, limit } = options;
    asked.push(options);
    yield* past.slice(past.length - Math.min(limit, past.length));
    if (!follow) return;
    const lines = on(log, 'line', { signal });
    log.emit('followed');
    try {
      for await (const [line] of lines) yield line as LogLine;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      log.emit('unfollowed');
    }
  }

  const api = createApi({
    control,
    host: {
      facts: async () => ({
        accelerator: 'tcg',
        acceleratorReason: 'There is no /dev/kvm.',
        qemuVersion: '7.2.0',
        kernelRelease: '6.1.0',
        vms: instances.length,
        slots: { ready: 4, used: 0, total: 16_384 },
        templates: { count: 0, bytes: 0 },
      }),
      removeTemplate: async () => undefined,
    },
    log: silentLog(),
    version: '0.0.0',
    domain: 'localhost',
    edgePort: 8080,
    maxSourceBytes: MAX_UPLOAD,
    ready: () => true,
    deploy,
    redeploy,
    crons: {
      upcoming: () => crons.map((cron) => ({ cron, next: '2026-01-03T00:00:00.000Z', running: 0 })),
      async run(app, cron) {
        if (crons.every(({ name }) => name !== cron)) throw new ThawError('not_found', `${app} has no cron ${cron}.`);
        const dueAt = new Date().toISOString();
        const { id } = await control.cronRuns.begin({ app, cron, deployment: 'd0', trigger: 'manual', dueAt });
        return control.cronRuns.end(id, { outcome: 'failed', status: 503, ms: 12, error: null, skipped: 0 });
      },
    },
    buildCache: {
      list: async () => cached,
      clear: async (_project, app) => cached.splice(0).filter((entry) => app === undefined || entry.app === app).length,
    },
    diskUse: async () => 5 * 1024 ** 2,
    sandboxes: noSandboxes(),
    volumes: await volumesWithoutVms(control, root),
    settingsSchema: () => ({ type: 'object' }),
    logs,
    instances: () => instances,
    findings: async () => [
      { name: 'qemu', status: 'ok', detail: '7.2.0' },
      { name: 'reflink', status: 'warning', detail: 'ext4 cannot.', remedy: 'Use XFS.' },
    ],
    closing: closing.signal,
  });
  const server = serve({ fetch: api.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  stack.defer(async () => {
    closing.abort();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  await once(server, 'listening');
  const adminKey = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const opened = stack.move();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dataDir,
    adminKey,
    control,
    tree,
    log,
    past,
    asked,
    instances,
    crons,
    cached,
    failDeploymentsWith: (error) => {
      failure = error;
    },
    building,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
