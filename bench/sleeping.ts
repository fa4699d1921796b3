import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../platform/config.ts';
import type { Deployment } from '../platform/control/contract.ts';
import { openControl } from '../platform/control/open.ts';
import { allClaims } from '../platform/host/network/claims.ts';
import { silentLog } from '../platform/log.ts';
import { withLimits } from '../platform/route-limits.ts';
import { nameOf } from '../router/resolve.ts';
import { RouteTable } from '../router/table.ts';
import { expectAnswer } from './expect.ts';
import { type Figure, spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { createRepository, hello } from './repository.ts';
import { get } from './request.ts';
import { type BenchServer, startServer } from './server.ts';

const APPS = 1000;
const TEXT = 'hello';
const RESOLVES = 100_000;
const COLD_STARTS = 10;
/** Timers are counted so many times, and the fewest told: asking makes some for a moment. */
const LOOKS = 5;
/** What the start itself leaves behind is over by then: VMs prepared, garbage collected. */
const SETTLE_MS = 15_000;

/**
 * A server with a thousand apps of which none runs. One is pushed; the others
 * are entered in the control plane with its template, as if they had been too.
 */
export async function sleeping({ rounds = APPS, progress }: PartOptions): Promise<PartResult> {
  await using stack = new AsyncDisposableStack();
  const data = await mkdtemp('/tmp/thaw-bench-sleeping-');
  stack.defer(() => rm(data, { recursive: true, force: true }));
  const alone = await withOneApp(data);
  progress(`sleeping: with one app ${JSON.stringify(alone)}`);
  const resolves = await enter(data, rounds, progress);

  await using server = await startServer(data);
  await sleep(SETTLE_MS);
  const many = await footprint(server);
  progress(`sleeping: with ${rounds} ${JSON.stringify(many)}, started in ${server.startMs.toFixed(0)} ms`);
  const cold: number[] = [];
  for (let at = 0; at < COLD_STARTS; at += 1) {
    const answer = await get(server.at(nameFor(Math.floor((at * rounds) / COLD_STARTS))));
    expectAnswer(answer, TEXT, 'cold');
    cold.push(answer.ms);
    await server.asleep();
  }
  const part = 'sleeping';
  const more = (name: string, of: keyof Footprint): Figure => ({
    part,
    name: `${name} more than with one app`,
    value: many[of] - alone[of],
    unit: '',
    atMost: 0,
  });
  return {
    figures: [
      { part, name: `start of the server with ${rounds} apps`, value: server.startMs, unit: 'ms', atMost: 5000 },
      { part, name: 'its resident memory', value: many.residentMiB, unit: 'MiB', atMost: 250 },
      { part, name: '  with one app', value: alone.residentMiB, unit: 'MiB' },
      { part, name: `to resolve a name, p99 of ${RESOLVES}`, value: resolves.p99, unit: 'ms', atMost: 1 },
      more('processes', 'processes'),
      more('network slots', 'slots'),
      more('timers', 'timers'),
      { part, name: `cold start of one of them, p50 of ${COLD_STARTS}`, value: spread(cold).p50, unit: 'ms' },
    ],
    samples: { alone, many, startMs: server.startMs, cold },
  };
}

/** What a server holds. */
interface Footprint {
  /** Its own and those that it started. */
  processes: number;
  /** Each is a namespace with a tap. */
  slots: number;
  /** Of its event loop, by Node's own count. */
  timers: number;
  residentMiB: number;
}

async function footprint({ config, pid, url, key }: BenchServer): Promise<Footprint> {
  const timers: number[] = [];
  for (let look = 0; look < LOOKS; look += 1) {
    const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
    timers.push(Number(/^nodejs_active_resources\{type="Timeout"\} (\d+)$/m.exec(await metrics.text())?.[1] ?? 0));
    await sleep(100);
  }
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return {
    processes: 1 + (await descendants(pid)),
    slots: (await allClaims()).filter(({ owner }) => owner === config.data).length,
    timers: Math.min(...timers),
    residentMiB: Number(resident) / 1024,
  };
}

async function descendants(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean);
  const below = await Promise.all(children.map((child) => descendants(Number(child)).catch(() => 0)));
  return children.length + below.reduce((sum, count) => sum + count, 0);
}

async function withOneApp(data: string): Promise<Footprint> {
  await using server = await startServer(data);
  await using repository = await createRepository();
  await repository.commit(hello(TEXT));
  await repository.push(server.remote(nameFor(0)));
  expectAnswer(await get(server.at(nameFor(0))), TEXT);
  await server.asleep();
  await sleep(SETTLE_MS);
  return await footprint(server);
}

/** Enters the apps while no server runs. @returns how long it takes to resolve their names, in memory */
async function enter(data: string, count: number, progress: (text: string) => void) {
  const domain = 'localhost';
  await using control = await openControl({ dataDir: data, databaseUrl: undefined, domain, log: silentLog() });
  const [first] = await control.deployments.list(nameFor(0));
  if (first === undefined) throw new Error('The first app has no deployment.');
  for (let at = 1; at < count; at += 1) {
    await enterOne(control, data, nameFor(at), first);
    if (at % 250 === 0) progress(`sleeping: ${at} apps entered`);
  }
  const table = new RouteTable();

  table.replace(withLimits(await control.routes(), readConfig({}), await control.projects.allLimits()));
  const times: number[] = [];
  for (let at = 0; at < RESOLVES; at += 1) {
    const host = `${nameFor((at * 7919) % count)}.${domain}:8080`;
    const began = performance.now();
    const found = table.get(nameOf(host, domain) ?? '');
    times.push(performance.now() - began);
    if (found === undefined) throw new Error(`${host} is not known.`);
  }
  return spread(times);
}

async function enterOne(
  control: Awaited<ReturnType<typeof openControl>>,
  data: string,
  app: string,
  { id: from, app: fromApp, commit, kind, template, run, scaling }: Deployment,
): Promise<void> {
  if (kind === null || template === null || run === null) throw new Error('The first app was not baked.');
  const made = await control.apps.create(app, 'default');
  const { id: original } = await control.apps.get(fromApp, null);
  await cp(join(data, 'repos', `${original}.git`), join(data, 'repos', `${made.id}.git`), { recursive: true });
  const { id } = await control.deployments.begin({ app, branch: 'main', commit });
  await control.artifacts.put(id, control.artifacts.get(from));
  await control.deployments.ready(id, { kind, template, run, scaling });
  await control.releases.create({ app, branch: 'main', deployment: id, reason: 'push' });
}

function nameFor(at: number): string {
  return `app${at}`;
}
