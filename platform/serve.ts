import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openBuilders } from '../builders/open.ts';
import { settingsJsonSchema } from '../builders/settings/json-schema.ts';
import { openEdge } from '../router/edge.ts';
import { RouteTable } from '../router/table.ts';
import { createApi } from './api/create.ts';
import { edgeUrl } from './api/url.ts';
import { AppIds } from './app-ids.ts';
import { buildSettings } from './build-settings.ts';
import type { Config } from './config.ts';
import { type Deployment, PRODUCTION_BRANCH } from './control/contract.ts';
import { branchLabel, deploymentLabel } from './control/names.ts';
import { openControl } from './control/open.ts';
import { cronRequest } from './cron-request.ts';
import { openCrons } from './crons/open.ts';
import { DATABASE_ROLES } from './databases/power.ts';
import { examine } from './examine.ts';
import { GRACE_MS, Handovers } from './handovers.ts';
import { openHost } from './host/open.ts';
import { Instances } from './instances.ts';
import { listenOn } from './listen.ts';
import type { Log } from './log.ts';
import { AccessLog } from './logs/access.ts';
import { LogCollector } from './logs/collector.ts';
import { LogStore } from './logs/store.ts';
import { openVmm, readMachine } from './machine.ts';
import { countedThaw } from './metrics/counted-thaw.ts';
import { openMetrics } from './metrics/open.ts';
import { openDatabaseService } from './open-databases.ts';
import { Retention } from './retention.ts';
import { type AppRoute, withLimits } from './route-limits.ts';
import { SandboxEdge } from './sandbox-edge.ts';
import { ROLE as SANDBOX } from './sandboxes/making.ts';
import { openSandboxes } from './sandboxes/open.ts';
import { VERSION } from './version.ts';
import { openVolumes } from './volumes/open.ts';

export interface Server extends AsyncDisposable {
  /** Addresses that it listens on, `host:port`. */
  api: string;
  edge: string;
  pg: string;
}

/**
 * Opens every part in the order of their needs and serves. Disposing it stops
 * accepting, ends builds and VMs, and closes the parts in reverse order.
 *
 * @throws ThawError when the machine or the settings lack something
 */
export async function serve(config: Config, log: Log): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const closing = new AbortController();

  const control = opened.use(
    await openControl({ databaseUrl: config.databaseUrl, dataDir: config.data, domain: config.domain, log }),
  );
  const machine = await readMachine(config.images);
  const { vmm, verdict } = await openVmm(config, machine, log);
  const host = opened.use(
    await openHost({
      vmm,
      acceleratorReason: verdict.reason,
      imageSet: machine.imageSet,
      data: config.data,
      cache: config.images,
      serverId: config.serverId,
      slotsAhead: config.slotsAhead,
      intercept: machine.intercept,
      ...(config.resolver === undefined ? {} : { resolver: config.resolver }),
      log: log.child({ room: 'host' }),
    }),
  );
  const store = new LogStore(join(config.data, 'logs'), config.logBytes);
  const collector = opened.use(new LogCollector(host, store, log.child({ room: 'logs' })));
  const ids = new AppIds(control);
  const access = opened.use(
    new AccessLog({ store, appId: (name) => ids.of(name), log: log.child({ room: 'logs' }), clock: () => new Date() }),
  );
  const metrics = openMetrics({
    instances: () => ports.apps(edge.instances()),
    queues: () => ports.apps(edge.queues()),
    databases: () => service.databases.list(null),
    facts: () => host.facts(),
  });
  const url = (app: string, branch: string) =>
    edgeUrl(branchLabel(branch, app), { domain: config.domain, edgePort: config.edge.port });
  const volumes = await openVolumes({
    host,
    control,
    mostMiB: config.volumeMaxMiB,
    stop: (app) => handovers.stop(app),
    log: log.child({ room: 'volumes' }),
  });
  const builders = opened.use(
    await openBuilders({
      host,
      control,
      log: log.child({ room: 'builders' }),
      settings: await buildSettings(config),
      url,
      built: (build) => metrics.observe.build(build),
      mounts: (app, branch, wanted) =>
        volumes.choose({ app: app.name, project: app.project, preview: branch !== PRODUCTION_BRANCH }, wanted),
      beforeRelease: async (deployment) => (await handovers.begin(deployment)) ?? warmAhead(deployment),
      previews: { begin: (...of) => service.previews.begin(...of), settle: (...of) => service.previews.settle(...of) },
      repos: join(config.data, 'repos'),
      node: process.execPath,
    }),
  );

  const ports = new SandboxEdge(config);
  const sandboxes = opened.use(
    await openSandboxes({
      host,
      control,
      bounds: {
        maxTtlSeconds: config.sandboxMaxTtlSeconds,
        maxMemoryMiB: config.sandboxMaxMemoryMiB,
        maxCpus: config.sandboxMaxCpus,
        maxDiskMiB: config.sandboxMaxDiskMiB,
        projectInstances: config.projectInstances,
      },
      awake: (project) => edge.instances().filter((one) => one.project === project && one.state !== 'asleep').length,
      gone: (sandbox) => ports.gone(sandbox),
      disks: (project, mounts) => volumes.disks(project, mounts),
      adopt: (project, copies, fork) => volumes.adopt(project, copies, fork),
      journal: store,
      clock: () => new Date(),
      random: randomBytes,
      log: log.child({ room: 'sandboxes' }),
    }),
  );
  const service = opened.use(
    await openDatabaseService({
      ...{ config, host, control, log },
      sandboxProject: (id) => sandboxes.reachable(id)?.project,
      observe: (event) => metrics.observe.database(event),
    }),
  );
  const table = new RouteTable<AppRoute>();
  const instances = new Instances({
    host,
    collector,
    table,
    appId: (name) => ids.of(name),
    rebake: builders.rebake,
    disks: (project, mounts) => volumes.disks(project, mounts),
    start: builders.start,
    retire: (deployment) => edge.retire(deployment, GRACE_MS),
    log,
  });
  const edge = opened.use(
    await openEdge(
      {
        resolve: (name) => table.get(name) ?? ports.route(name),
        admits: ports.admits,
        thaw: (route, signal) =>
          ports.owns(route.deployment)
            ? ports.thaw(route, signal)
            : countedThaw(metrics.observe, 'cold', signal, instances.thaw(route, signal)),
        end: async (instance) => {
          if (!ports.owns(instance)) await instances.end(instance);
        },
        sleep: (instance) => instances.sleep(instance),
        wake: (instance, signal) => countedThaw(metrics.observe, 'resumed', signal, instances.wake(instance, signal)),
        finished: (request) => {
          if (ports.owns(request.route?.deployment)) return;
          metrics.observe.request({ ...request, app: request.route?.app });
          if (request.route !== undefined) access.add(request.route, request);
        },
        pending: async (instance, signal) => (ports.owns(instance) ? 0 : host.pendingWork(instance, signal)),
        log: log.child({ room: 'edge' }),
        domain: config.domain,
        now: () => performance.now(),
        atClose: 'sleep',
      },
      config.edge,
    ),
  );
  ports.join({ sandboxes, edge });
  const reload = async () => {
    ids.clear();
    const [entries, projects] = [await control.routes(), await control.projects.allLimits()];
    const left = table.replace(withLimits(entries, config, projects));
    for (const deployment of left) edge.drain(deployment);
    edge.keep(table.kept());
  };
  /** Where the old code is running, the new one runs before it is put in front: nobody waits for its thaw. */
  const warmAhead = async ({ id, app, branch }: Pick<Deployment, 'id' | 'app' | 'branch'>): Promise<undefined> => {
    await changed();
    const next = table.get(deploymentLabel(id, app));
    const front = table.get(branchLabel(branch, app))?.deployment;
    const running = edge.instances().some(({ deployment, state }) => deployment === front && state !== 'asleep');
    if (next === undefined || !running) return undefined;
    await edge.warm(next, AbortSignal.timeout(config.wakeTimeoutMs)).catch((err: unknown) => {
      log.info({ deployment: id, err }, 'the new code could not be thawed ahead');
    });
    return undefined;
  };
  const crons = opened.use(
    await openCrons({
      scheduled: () => control.scheduled(),
      request: cronRequest({ host: config.edge.host, port: edge.listen.port }, config.domain),
      runs: control.cronRuns,
      clock: () => new Date(),
      log: log.child({ room: 'crons' }),
    }),
  );
  // One reading of the table at a time, and one more when something changed meanwhile.
  let reading = Promise.resolve();
  const changed = () => {
    reading = reading
      .then(reload)
      .then(() => crons.reload())
      .catch((err: unknown) => log.error({ err }, 'the routes could not be read'));
    return reading;
  };
  opened.defer(control.onRoutesChanged(() => void changed()));
  const startMs = config.startTimeoutMs + config.wakeTimeoutMs;
  const handovers = new Handovers({ table, edge, instances, changed, startMs, log: log.child({ room: 'handovers' }) });
  await builders.reconcile();
  await service.previews.reconcile();
  await changed();
  await instances.takeBack(edge, new Set([SANDBOX, ...DATABASE_ROLES]));
  const watching = instances.watch(edge, closing.signal);
  opened.defer(async () => {
    closing.abort();
    await watching;
  });
  await instances.removeUnusedTemplates(await control.deployments.templatesInUse());

  const { keepTemplates, keepDeployments, keepDays } = config;
  const retention = opened.use(
    new Retention({ control, host, keepTemplates, keepDeployments, keepDays, log: log.child({ room: 'retention' }) }),
  );
  retention.begin();

  let ready = false;
  const api = createApi({
    control,
    host,
    log: log.child({ room: 'api' }),
    version: VERSION,
    domain: config.domain,
    edgePort: edge.listen.port,
    maxSourceBytes: config.maxSourceBytes,
    ready: () => ready,
    deploy: (request, report, signal) => builders.deploy(request, report, signal),
    redeploy: (request, report, signal) => builders.redeploy(request, report, signal),
    takeOver: ({ id, app }, branch) => handovers.begin({ id, app, branch }),
    crons,
    buildCache: builders.cache,
    diskUse: (project) => builders.diskUse(project),
    sandboxes,
    volumes,
    databases: service,
    settingsSchema: settingsJsonSchema,
    logs: (app, { follow, query, limit }, signal) =>
      follow ? store.follow(app.id, query, limit, signal) : iterate(store.read(app.id, query, limit)),
    metrics: { exposition: () => metrics.exposition(), openTo: config.metrics },
    instances: () => instances.describe(ports.apps(edge.instances())),
    findings: () => examine(config, log, 'without ports'),
    breakOff: (app) => builders.breakOff(app),
    forget: async (app) => {
      await changed();
      await builders.forget(app.id);
      await service.previews.forget(app.id);
      await store.remove(app.id);
      metrics.observe.forget(app.name);
    },
    git: builders.git,
    closing: closing.signal,
  });
  const listening = opened.use(await listenOn(api.fetch, config.api));
  ready = true;
  // The first push finds its VMs prepared. Without that it would wait for the same.
  const preparing = builders
    .warm(closing.signal)
    .catch((err: unknown) => {
      if (!closing.signal.aborted) log.warn({ err }, 'the VMs of builds could not be prepared ahead');
    })
    .then(() => sandboxes.prepare(closing.signal))
    .then(() => service.prepare(closing.signal));
  void preparing;
  const parts = opened.move();
  return {
    api: listening.address,
    edge: `${edge.listen.host}:${edge.listen.port}`,
    pg: `${service.edge.listen.host}:${service.edge.listen.port}`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function* iterate<T>(all: Promise<T[]>): AsyncIterable<T> {
  yield* await all;
}
