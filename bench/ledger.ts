import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import postgresJs from 'postgres';
import { ThawError } from '../platform/errors.ts';
import { AgentCaller } from '../platform/host/guest/call.ts';
import { exec } from '../platform/host/guest/exec.ts';
import { findByArgument } from '../platform/host/vmm/process.ts';
import { QEMU_BINARY } from '../platform/host/vmm/qemu/driver.ts';
import { machineName } from '../platform/host/vms/start.ts';
import { type ServerFixture, startServer } from '../test/fixtures/server.ts';
import { addressOf } from './database-address.ts';
import type { Figure } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';

const WRITERS = 4;
const WRITTEN_AT_LEAST = 20;
const GIVE_UP_MS = 5_000;
const QUIET = { onnotice: () => {}, connect_timeout: 30 };
const CHECK_LIMIT_MS = 60_000;
const CHECKED = ['--host=/app/run', '--username=postgres', '--install-missing', '--heapallindexed', 'app'];

const EVENTS = ['vmm', 'server', 'both', 'sleep', 'branch'] as const;

/**
 * A database that is written to while its VMM and the server are killed at random, and while it is frozen and copied: what was
 * acknowledged has to be there each time.
 */
export async function ledger({ rounds = 50, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer({ THAW_SLOTS_AHEAD: 4 });
  const { databases } = server.thaw;
  const { directUrl } = await databases.create({ name: 'main', idleSeconds: 0 });
  await once(directUrl, (sql) => sql.unsafe('create table ledger (n int primary key)'));
  const acknowledged = new Set<number>();
  const found = { lost: 0, broken: 0 };
  const events: Record<string, number> = {};
  let next = 0;
  for (let round = 0; round < rounds; round += 1) {
    const event = EVENTS[randomInt(EVENTS.length)] ?? 'vmm';
    events[event] = (events[event] ?? 0) + 1;
    const sql = postgresJs(directUrl, { max: WRITERS, ...QUIET });
    const stop = new AbortController();
    const before = acknowledged.size;
    const write = async () => {
      while (!stop.signal.aborted) {
        const n = next++;
        try {
          await sql`insert into ledger values (${n})`;
          acknowledged.add(n);
        } catch {
          return;
        }
      }
    };
    const writing = Promise.all(Array.from({ length: WRITERS }, write));
    while (acknowledged.size < before + WRITTEN_AT_LEAST) await delay(10);
    await delay(randomInt(200));
    if (event === 'branch') found.lost += await branch(server, round, new Set(acknowledged));
    else if (event === 'sleep') {
      stop.abort();
      await writing;
      await databases.sleep('main');
    } else await kill(server, event);
    stop.abort();
    await Promise.race([writing, delay(GIVE_UP_MS)]);
    void sql.end({ timeout: 0 });
    const missing = await missingOf(directUrl, acknowledged);
    found.lost += missing;
    if (await isBroken(server)) found.broken += 1;
    progress(`ledger: round ${round + 1}, ${event}: ${acknowledged.size} acknowledged, ${missing} lost`);
  }
  await databases.remove('main');
  const figures: Figure[] = [
    { part: 'ledger', name: `rounds, ${JSON.stringify(events).replaceAll('"', '')}`, value: rounds, unit: '' },
    { part: 'ledger', name: 'transactions that were acknowledged', value: acknowledged.size, unit: '' },
    { part: 'ledger', name: '  of these lost', value: found.lost, unit: '', atMost: 0 },
    { part: 'ledger', name: 'rounds in which pg_amcheck found something', value: found.broken, unit: '', atMost: 0 },
  ];
  return { figures, samples: { ...found, events } };
}

/** @returns how many of these are not in a copy that is made now */
async function branch({ thaw }: ServerFixture, round: number, acknowledged: Set<number>): Promise<number> {
  const name = `branch-${round}`;
  const { directUrl } = await thaw.databases.branch('main', name);
  const missing = await missingOf(directUrl, acknowledged);
  await thaw.databases.remove(name);
  return missing;
}

async function kill(server: ServerFixture, what: 'vmm' | 'server' | 'both'): Promise<void> {
  const prefix = machineName(server.config.serverId, '');
  const vmms = async () => {
    for (const { pid } of (await findByArgument(QEMU_BINARY, '-name', prefix)).values()) process.kill(pid, 'SIGKILL');
  };
  if (what === 'vmm') return vmms();
  await server.stop('SIGKILL');
  if (what === 'both') await vmms();
  await server.start();
}

async function missingOf(url: string, acknowledged: Set<number>): Promise<number> {
  const rows = await once(url, (sql) => sql.unsafe('select n from ledger'));
  const there = new Set(rows.map((row) => Number(row.n)));
  return [...acknowledged].filter((n) => !there.has(n)).length;
}

/** Whether pg_amcheck finds something wrong with the heap, or with an index against it. */
async function isBroken({ config, thaw }: ServerFixture): Promise<boolean> {
  const { id } = await thaw.databases.wake('main');
  const agent = new AgentCaller(await addressOf(config.data, id));
  const argv = ['/usr/lib/postgresql/17/bin/pg_amcheck', ...CHECKED];
  let said = '';
  for await (const event of exec(agent, { argv, cwd: '/', timeoutMs: CHECK_LIMIT_MS })) {
    if (event.kind !== 'exit') said += Buffer.from(event.data).toString();
    else if (event.code === 0) return false;
    else if (event.code === 2) return true;
  }
  throw new ThawError('internal', `pg_amcheck could not look: ${said}`);
}

async function once<T>(url: string, ask: (sql: ReturnType<typeof postgresJs>) => Promise<T>): Promise<T> {
  const sql = postgresJs(url, { max: 1, ...QUIET });
  try {
    return await ask(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
