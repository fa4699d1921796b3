import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import postgresJs from 'postgres';
import { ThawError } from '../platform/errors.ts';
import { findByArgument } from '../platform/host/vmm/process.ts';
import { QEMU_BINARY } from '../platform/host/vmm/qemu/driver.ts';
import { machineName } from '../platform/host/vms/start.ts';
import type { NewDatabase } from '../platform/sdk/index.ts';
import { addressOf } from './database-address.ts';
import { type Figure, median, spread } from './figures.ts';
import { firstRow } from './first-row.ts';
import type { PartOptions, PartResult } from './part.ts';
import { type BenchServer, startServer } from './server.ts';

const CREATES = 5;
const SLEEPERS = 50;
const PGBENCH_S = 8;
const PGBENCH_ROUNDS = 5;
/** A database of the crowd that sleeps. */
const SMALL = { memoryMiB: 256, diskMiB: 512 };

/** Databases as their clients meet them. `pgbench` is Debian's, of the package `postgresql-contrib`. */
export async function postgres({ rounds = 20, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  const part = 'postgres';
  const figures: Figure[] = [];
  const samples: Record<string, number[]> = {};
  const tell = (
    name: string,
    values: number[],
    bounds: Pick<Figure, 'atMost' | 'atLeast'> = {},
    unit: Figure['unit'] = 'ms',
  ) => {
    figures.push({ part, name: `${name}, p50 of ${values.length}`, value: median(values), unit, ...bounds });
    samples[name] = values;
    progress(`postgres: ${name} p50 ${median(values).toFixed(1)} ${unit}, most ${spread(values).max.toFixed(1)}`);
  };
  const { databases } = server.thaw;

  // The first waits for its template and for what databases are copied from.
  await databases.create({ name: 'first' });
  await databases.remove('first');
  const creates: number[] = [];
  for (let round = 0; round < CREATES; round += 1) {
    const began = performance.now();
    const made = await databases.create({ name: `made-${round}` });
    await firstRow(made.directUrl);
    creates.push(performance.now() - began);
    await databases.remove(made.name);
  }
  tell('create to the first row', creates, { atMost: 1500 });

  const main = await databases.create({ name: 'main', idleSeconds: 0 });
  await sleepAndWake(server, main, rounds, tell);
  await speeds(server, main, tell);
  await databases.remove(main.name);

  await sleepers(server, tell);
  return { figures, samples };
}

type Tell = (
  name: string,
  values: number[],
  bounds?: Pick<Figure, 'atMost' | 'atLeast'>,
  unit?: Figure['unit'],
) => void;

async function sleepAndWake({ thaw }: BenchServer, main: NewDatabase, rounds: number, tell: Tell): Promise<void> {
  const sql = postgresJs(main.directUrl, { max: 1 });
  const [freezes, byConnection, bySession]: [number[], number[], number[]] = [[], [], []];
  try {
    await sql`create temp table kept as select 1 as n`;
    for (let round = 0; round < rounds; round += 1) {
      await thaw.databases.sleep('main');
      const began = performance.now();
      await sql`select n from kept`;
      bySession.push(performance.now() - began);
      const asked = performance.now();
      await thaw.databases.sleep('main');
      freezes.push(performance.now() - asked);
      byConnection.push(await firstRow(main.directUrl));
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
  tell('freeze, by the API', freezes, { atMost: 60 });
  tell('wake of an open session to its row', bySession, { atMost: 250 });
  tell('wake by a new connection to its first row', byConnection, { atMost: 400 });
}

/**
 * Transactions per second of the same clients, on one way and the other: through the edge and from this machine to the guest, straight
 * to Postgres and to the pool. Plain, since the guest itself has no TLS; the edge with TLS is told beside it.
 */
async function speeds({ config }: BenchServer, main: NewDatabase, tell: Tell): Promise<void> {
  await pgbench(main.directUrl, ['-i', '-q', '-s', '5']);
  const address = await addressOf(config.data, main.id);
  const inside = (url: string, port: number) => {
    const straight = new URL(url);
    straight.username = 'app';
    straight.host = `${address}:${port}`;
    return straight.href;
  };
  const ways = {
    'direct, edge': `${main.directUrl}?sslmode=disable`,
    'direct, guest': inside(main.directUrl, 5432),
    'pooled, edge': `${main.url}?sslmode=disable`,
    'pooled, guest': inside(main.url, 6432),
    'direct, edge with TLS': `${main.directUrl}?sslmode=require`,
  };
  const found = new Map<string, number[]>();
  for (let round = 0; round < PGBENCH_ROUNDS; round += 1) {
    for (const [way, url] of Object.entries(ways)) {
      const said = await pgbench(url, ['-S', '-c', '4', '-T', String(PGBENCH_S), '-M', 'prepared']);
      found.set(way, [...(found.get(way) ?? []), Number(/tps = ([\d.]+)/.exec(said)?.[1])]);
    }
  }
  for (const [way, values] of found) tell(`pgbench, transactions a second, ${way}`, values, {}, '');
  const of = (way: keyof typeof ways) => median(found.get(way) ?? []);
  const target = { atLeast: 0.9 };
  tell('pgbench, edge to guest, direct', [of('direct, edge') / of('direct, guest')], target, 'x');
  tell('pgbench, edge to guest, pooled', [of('pooled, edge') / of('pooled, guest')], target, 'x');
}

async function sleepers(server: BenchServer, tell: Tell): Promise<void> {
  const { databases } = server.thaw;
  const made: NewDatabase[] = [];
  const before = residentMiB(server.pid);
  for (let n = 0; n < SLEEPERS; n += 1) {
    const one = await databases.create({ name: `sleeper-${n}`, idleSeconds: 0, ...SMALL });
    await databases.sleep(one.name);
    made.push(one);
  }
  tell(`${SLEEPERS} that sleep: processes`, [(await processesOf(server)).size], { atMost: 0 }, '');
  tell(`  memory of the server, more than before them`, [residentMiB(server.pid) - before], {}, 'MiB');
  const wakes: number[] = [];
  for (const one of made.slice(0, 10)) wakes.push(await firstRow(one.directUrl));
  tell('  one of them woken by a connection to its first row', wakes, { atMost: 400 });
  for (const one of made) await databases.remove(one.name);
}

/** Resident memory of a process. */
function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** The VMMs of a server. */
function processesOf({ config }: BenchServer) {
  return findByArgument(QEMU_BINARY, '-name', machineName(config.serverId, ''));
}

async function pgbench(url: string, args: string[]): Promise<string> {
  const child = spawn('pgbench', [...args, url]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new ThawError('internal', `pgbench ended with ${code}: ${said.slice(-1000)}`);
  return said;
}
