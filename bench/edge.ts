import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { AccessLog } from '../platform/logs/access.ts';
import { LogStore } from '../platform/logs/store.ts';
import { openMetrics } from '../platform/metrics/open.ts';
import { openEdge } from '../router/edge.ts';
import type { Route } from '../router/parts.ts';

const DAY_MS = 86_400_000;
const LOG_BYTES = 16 * 1024 * 1024;

/**
 * The HTTP edge as the server runs it, access log and metrics included, in front
 * of a server that is there already: `edge.ts --port n --upstream n`. Ends with SIGTERM.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { port: { type: 'string' }, upstream: { type: 'string' } } });
  await using opened = new AsyncDisposableStack();
  const data = await mkdtemp('/tmp/thaw-bench-edge-');
  opened.defer(() => rm(data, { recursive: true, force: true }));
  const log = pino({ level: 'info' }, pino.destination(2));
  const store = new LogStore(join(data, 'logs'), LOG_BYTES);
  const access = opened.use(new AccessLog({ store, appId: async (name) => name, log, clock: () => new Date() }));
  const metrics = openMetrics({
    instances: () => edge.instances(),
    queues: () => edge.queues(),
    facts: () => Promise.reject(new Error('There is no host here.')),
  });
  const port = Number(values.upstream);
  const route: Route = {
    label: 'app',
    app: 'app',
    project: 'default',
    deployment: 'd1',
    kind: 'web',
    port,
    limits: {
      softLimit: 1000,
      hardLimit: 1000,
      minInstances: 0,
      maxInstances: 1,
      idleMs: DAY_MS,
      sleep: 'stop',
      queue: 1000,
      wakeTimeoutMs: 10_000,
      responseTimeoutMs: 10_000,
    },
  };
  const edge = opened.use(
    await openEdge(
      {
        resolve: (name) => (name === route.label ? route : undefined),
        thaw: async () => ({ id: 'upstream', address: '127.0.0.1', port, phases: {} }),
        end: async () => {},
        sleep: async () => {},
        wake: () => Promise.reject(new Error('Nothing sleeps here.')),
        pending: async () => 0,
        finished: (request) => {
          metrics.observe.request({ ...request, app: request.route?.app });
          if (request.route !== undefined) access.add(request.route, request);
        },
        log,
        domain: 'localhost',
        now: () => performance.now(),
      },
      { host: '127.0.0.1', port: Number(values.port) },
    ),
  );
  await new Promise((resolve) => process.once('SIGTERM', resolve));
}

await main();
