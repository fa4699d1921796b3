import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CronSpec } from '../../platform/control/contract.ts';
import type { CronParts, Scheduled } from '../../platform/crons/contract.ts';
import { openCrons } from '../../platform/crons/open.ts';
import { silentLog } from '../../platform/log.ts';
import { RememberedRuns } from './remembered-runs.ts';

/** Before everything that happens in these tests. */
export const LONG_AGO = '2020-01-01T00:00:00.000Z';

export function cron(name: string, schedule: string, more: Partial<CronSpec> = {}): CronSpec {
  return { name, schedule, timezone: 'UTC', path: '/', method: 'GET', overlap: 'skip', ...more };
}

/** What a test's scheduler asks: an HTTP server that remembers who asked. */
export interface AskedApp extends AsyncDisposable {
  readonly asked: { app: string; path: string; method: string; headers: IncomingMessage['headers'] }[];
  /** Requests that were broken off before they were answered. */
  readonly broken: number;
  readonly request: CronParts['request'];
}

/** @param answer default: 200 at once */
export async function askedApp(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void = (_, outgoing) => outgoing.end('ok'),
): Promise<AskedApp> {
  const asked: AskedApp['asked'] = [];
  let broken = 0;
  const server = createServer((incoming, outgoing) => {
    const { headers, url = '', method = '' } = incoming;
    asked.push({ app: String(headers.host), path: url, method, headers });
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) broken += 1;
    });
    answer(incoming, outgoing);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    get broken() {
      return broken;
    },
    async request(app, path, method, headers, signal) {
      const began = performance.now();
      const sent = request({
        port,
        host: '127.0.0.1',
        path,
        method,
        signal,
        agent: false,
        headers: { ...headers, host: app },
      });
      const [incoming] = (await once(sent.end(), 'response')) as [IncomingMessage];
      for await (const _ of incoming);
      return { status: incoming.statusCode ?? 0, ms: performance.now() - began };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A scheduler of these apps, on a clock that the test may set forward. */
export async function scheduler(
  app: AskedApp,
  crons: Record<string, CronSpec[]>,
  more: Partial<CronParts> & { since?: string; runs?: RememberedRuns } = {},
) {
  const clock = more.clock ?? (() => new Date());
  const runs = more.runs ?? new RememberedRuns(clock);
  const { since = clock().toISOString() } = more;
  const scheduled = async (): Promise<Scheduled[]> =>
    Object.entries(crons).map(([name, specs]) => ({ app: name, deployment: `d-${name}`, since, crons: specs }));
  const parts: CronParts = { scheduled, request: app.request, clock, log: silentLog(), ...more, runs };
  const opened = await openCrons(parts);
  return { crons: opened, runs, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}
