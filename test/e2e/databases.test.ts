import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { drizzle } from 'drizzle-orm/postgres-js';
import pg from 'pg';
import postgres from 'postgres';
import { findByArgument } from '../../platform/host/vmm/process.ts';
import { QEMU_BINARY } from '../../platform/host/vmm/qemu/driver.ts';
import { machineName } from '../../platform/host/vms/start.ts';
import type { NewDatabase } from '../../platform/sdk/index.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

// Of the question for types, which the client asks by itself, nobody hears the end.
const quiet = { onnotice: () => {}, fetch_types: false };
const open = (url: string, max = 1) => {
  const sql = postgres(url, { max, ...quiet });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
};

async function run(program: string, args: string[]): Promise<{ code: number; text: string }> {
  const child = spawn(program, args);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  const [code] = await once(child, 'close');
  return { code, text: text.trim() };
}

/** Ten times the same statement: it is prepared from the fifth on. */
const PSYCOPG = `import psycopg, sys
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print(sum(connection.execute('select %s::int', (n,)).fetchone()[0] for n in range(10)))`;

const psql = (url: string, query: string) => run('psql', ['-X', '-A', '-t', url, '-c', query]);

describe('databases', () => {
  const vmms = async () =>
    (await findByArgument(QEMU_BINARY, '-name', machineName(server.config.serverId, ''))).values();
  let server: ServerFixture;
  let main: NewDatabase;
  before(async () => {
    server = await startServer({ THAW_DB_IDLE_MS: 1500 });
    main = await server.thaw.databases.create({ name: 'main' });
  });
  after(() => server[Symbol.asyncDispose]());

  const asleep = async (name = 'main') => {
    while ((await server.thaw.databases.get(name)).state !== 'asleep') await delay(50);
  };

  test('both URLs work with every client, with and without TLS', async () => {
    for (const url of [main.url, main.directUrl]) {
      await using one = open(url, 4);
      await one.sql`create table if not exists things (n int)`;
      // Named statements, more often than any client needs to begin preparing them.
      for (let n = 0; n < 8; n += 1) await one.sql`insert into things values (${n})`;
      const db = drizzle(one.sql);
      const things = pgTable('things', { n: integer('n') });
      assert.equal((await db.select().from(things)).length, 8);
      await one.sql`drop table things`;
      assert.equal((await psql(url, 'select current_database()')).text, 'app');
      assert.equal((await psql(`${url}?sslmode=require`, "select 'secure'")).text, 'secure');
      const node = new pg.Client({ connectionString: url });
      await node.connect();
      assert.deepEqual((await node.query({ name: 'named', text: 'select $1::int as n', values: [3] })).rows, [
        { n: 3 },
      ]);
      await node.end();
      const python = await run('/usr/bin/python3', ['-c', PSYCOPG, url]);
      assert.deepEqual(python, { code: 0, text: '45' });
      const bench = await run('pgbench', ['-i', '-q', '-s', '1', url]);
      assert.equal(bench.code, 0, bench.text);
      const rounds = await run('pgbench', ['-c', '4', '-t', '10', '-M', 'prepared', url]);
      assert.equal(rounds.code, 0, rounds.text);
    }
  });

  test('the edge’s certificate is checked by the server’s own authority', async () => {
    const directory = await mkdtemp('/tmp/thaw-ca-');
    const ca = join(directory, 'ca.crt');
    await writeFile(ca, await server.thaw.databases.authority());
    const verified = `${main.directUrl}?sslmode=verify-full&sslrootcert=${ca}`;
    assert.equal((await psql(verified, "select 'verified'")).text, 'verified');
    await rm(directory, { recursive: true });
  });

  test('extensions can be installed by the owner', async () => {
    await using one = open(main.directUrl);
    for (const name of ['vector', 'amcheck', 'pg_cron']) await one.sql.unsafe(`create extension ${name}`);
    assert.deepEqual([...(await one.sql`select '[1,2]'::vector <-> '[1,3]' as distance`)], [{ distance: 1 }]);
  });

  test('an idle pool lets it sleep, and every session goes on', async () => {
    await using pool = open(main.directUrl, 20);
    await Promise.all(Array.from({ length: 20 }, () => pool.sql`select pg_sleep(0.2)`));
    await using one = open(main.directUrl);
    await one.sql`create temp table kept as select 42 as n`;
    await one.sql`prepare ask as select n from kept`;
    await one.sql`select pg_advisory_lock(7)`;
    await asleep();
    // Others than its own may be prepared for builds and sandboxes meanwhile.
    while ((await server.holdings()).processes.length > 0) await delay(50);
    assert.ok((await server.thaw.databases.get('main')).connections.direct >= 21);
    assert.deepEqual([...(await one.sql`execute ask`)], [{ n: 42 }]);
    assert.deepEqual([...(await one.sql`select pg_advisory_unlock(7) as had`)], [{ had: true }]);
    await Promise.all(Array.from({ length: 20 }, () => pool.sql`select pg_sleep(0.1)`));
    await asleep();
    assert.equal((await psql(main.url, "select 'woken'")).text, 'woken');
  });

  test('can be put to sleep and woken, but not under an open transaction', async () => {
    await using one = open(main.directUrl);
    await one.sql.begin(async (tx) => {
      await tx`select 1`;
      await assert.rejects(server.thaw.databases.sleep('main'), { code: 'conflict' });
    });
    assert.equal((await server.thaw.databases.sleep('main')).state, 'asleep');
    assert.equal((await server.thaw.databases.wake('main')).state, 'awake');
    assert.deepEqual([...(await one.sql`select 1 as one`)], [{ one: 1 }]);
  });

  test('a branch begins with what is committed, has a password of its own and goes its own way', async () => {
    await using one = open(main.directUrl);
    await one.sql`create table branched as select generate_series(1, 1000) as n`;
    const branch = await server.thaw.databases.branch('main', 'preview-1');
    assert.notEqual(new URL(branch.url).password, new URL(main.url).password);
    await using other = open(branch.url);
    await other.sql`insert into branched values (0)`;
    const count = async (sql: postgres.Sql) => (await sql`select count(*)::int as n from branched`)[0]?.n;
    assert.deepEqual([await count(one.sql), await count(other.sql)], [1000, 1001]);
    const stolen = new URL(branch.directUrl);
    stolen.password = new URL(main.url).password;
    assert.match((await psql(stolen.href, 'select 1')).text, /password authentication failed/);
    // As it is when the owner has chosen a password that only he knows.
    await other.sql`alter role app password 'chosen'`;
    const second = await server.thaw.databases.branch('preview-1', 'preview-2');
    assert.equal((await psql(second.url, 'select count(*) from branched')).text, '1001');
    await server.thaw.databases.remove('preview-2');
    await server.thaw.databases.remove('preview-1');
    assert.match((await psql(branch.url, 'select 1')).text, /There is no database with the user/);
  });

  test('its version is one that there is', async () => {
    const { version } = await server.thaw.databases.get('main');
    await using one = open(main.directUrl);
    const [{ server_version: told } = { server_version: '' }] = await one.sql`show server_version`;
    assert.equal(Number.parseInt(told, 10), version);
    await assert.rejects(server.thaw.databases.create({ name: 'old', version: 9 }), {
      code: 'invalid_input',
      message: 'There is no PostgreSQL 9 here.',
    });
  });

  test('a wrong database or user is told in the words of Postgres', async () => {
    const wrong = new URL(main.directUrl);
    wrong.pathname = '/nosuch';
    assert.match((await psql(wrong.href, 'select 1')).text, /FATAL: {2}database "nosuch" does not exist/);
    wrong.username = 'main-aaaaaa';
    assert.match((await psql(wrong.href, 'select 1')).text, /FATAL: {2}There is no database .*\nHINT: /);
  });

  test('a query can be cancelled, directly and through the pool', async () => {
    for (const url of [main.directUrl, main.url]) {
      await using one = open(url);
      await one.sql`select 1`;
      const slow = one.sql`select pg_sleep(30)`.execute();
      await delay(300);
      slow.cancel();
      await assert.rejects(slow, { code: '57014' });
    }
  });

  test('tells what it is at, and exports itself', async () => {
    await using one = open(main.directUrl);
    await one.sql`create table exported as select 'a value' as text`;
    const told = await server.thaw.databases.statistics('main', { queries: 5 });
    assert.ok((told.sizeBytes ?? 0) > 1_000_000);
    assert.ok((told.cacheHitRatio ?? 0) > 0.5);
    assert.ok((told.queries ?? []).length > 0);
    const dump = Buffer.concat(await Array.fromAsync(server.thaw.databases.export('main'))).toString();
    assert.match(dump, /COPY public\.exported[\s\S]*a value[\s\S]*PostgreSQL database dump complete/);
  });

  test('is backed up, and restored as it was at a moment into a new one', async () => {
    await using one = open(main.directUrl);
    await one.sql`create table history as select 1 as n`;
    const made = await server.thaw.databases.backUp('main');
    assert.deepEqual(
      made.backups.map(({ type }) => type),
      ['full'],
    );
    await one.sql`insert into history values (2)`;
    // What can be restored begins with the second after the backup.
    while (new Date().toISOString() <= (made.backups[0]?.endedAt ?? '')) await delay(50);
    await delay(100);
    // By its own clock, as commits are.
    const [{ now } = { now: new Date(0) }] = await one.sql<{ now: Date }[]>`select clock_timestamp() as now`;
    const between = now.toISOString();
    await delay(100);
    await one.sql`insert into history values (3)`;
    const early = await server.thaw.databases.restore('main', { name: 'early', at: between });
    await using then = open(early.url);
    assert.deepEqual([...(await then.sql`select n from history order by n`)], [{ n: 1 }, { n: 2 }]);
    await then.sql`insert into history values (4)`;
    assert.notEqual(new URL(early.url).password, new URL(main.url).password);
    const { test: tried } = await server.thaw.databases.backUp('main', 'test');
    assert.deepEqual([tried?.ok, tried?.error], [true, null]);
    await server.thaw.databases.remove('early');
  });

  test('every acknowledged row survives the end of the VMM, of the server, and of both', async () => {
    {
      await using one = open(main.directUrl);
      await one.sql`create table ledger (n int primary key)`;
    }
    let next = 0;
    for (const victims of [['vmm'], ['server'], ['vmm', 'server'], ['server', 'vmm']]) {
      const acknowledged: number[] = [];
      const sql = postgres(main.directUrl, { max: 4, ...quiet, connect_timeout: 10 });
      const writing = Promise.all(
        Array.from({ length: 4 }, async () => {
          for (;;) {
            const n = next++;
            try {
              await sql`insert into ledger values (${n})`;
              acknowledged.push(n);
            } catch {
              return;
            }
          }
        }),
      );
      while (acknowledged.length < 40) await delay(20);
      for (const victim of victims) {
        if (victim === 'server') await server.stop('SIGKILL');
        else for (const { pid } of await vmms()) process.kill(pid, 'SIGKILL');
      }
      await Promise.race([writing, delay(3000)]);
      void sql.end({ timeout: 0 });
      if (victims.includes('server')) await server.start();
      await using again = open(main.directUrl);
      const found = new Set((await again.sql`select n from ledger`).map((row) => row.n));
      assert.deepEqual(
        acknowledged.filter((n) => !found.has(n)),
        [],
        `after ${victims.join(' and ')}`,
      );
    }
  });

  test('a server that stops leaves it asleep, and the next one goes on', async () => {
    await server.stop();
    await server.start();
    assert.equal((await server.thaw.databases.get('main')).state, 'asleep');
    assert.equal((await psql(main.url, 'select count(*) > 0 from ledger')).text, 't');
    await server.thaw.databases.remove('main');
    assert.deepEqual(await server.thaw.databases.list(), []);
  });
});
