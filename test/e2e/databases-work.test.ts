import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import postgres from 'postgres';
import type { NewDatabase } from '../../platform/sdk/index.ts';
import { thaw as cli, THAW } from '../cli/command.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const TERMINAL = fileURLToPath(new URL('sandbox_shell.py', import.meta.url));
/** Where Debian keeps a folder for each version. */
const POSTGRES = '/usr/lib/postgresql';
const IDLE_MS = 500;
/** Several times what it sleeps after. */
const LONG_MS = 4 * IDLE_MS;

const open = (url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
};

describe('a database at work', () => {
  let server: ServerFixture;
  let main: NewDatabase;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer({ THAW_DB_IDLE_MS: IDLE_MS, THAW_LOG: 'debug' });
    env = { THAW_URL: server.url, THAW_API_KEY: server.key };
    main = await server.thaw.databases.create({ name: 'main' });
  });
  after(async () => {
    await server.thaw.databases.remove('main').finally(() => server[Symbol.asyncDispose]());
  });

  const state = async () => (await server.thaw.databases.get('main')).state;
  const asleep = async () => {
    while ((await state()) !== 'asleep') await delay(50);
  };
  /** Resolves when it was about to sleep, and stayed awake for this. */
  const staysAwakeFor = async (what: string) => {
    const from = server.log().length;
    while (!server.log().slice(from).includes(`"busy":"${what}"`)) await delay(50);
    assert.equal(await state(), 'awake');
  };

  test('`thaw db connect` opens psql in the terminal, and passes arguments and its exit code on', async () => {
    const steps = [{ await: 'app=>' }, { type: 'select 6 * 7 as answer;\n' }, { await: '42' }, { type: '\\q\n' }];
    const { PATH = '' } = process.env;
    const inTerminal = await promisify(execFile)(
      '/usr/bin/python3',
      [TERMINAL, JSON.stringify(steps), THAW, 'db', 'connect', 'main', '--', '-X', '--pset=pager=off'],
      { env: { PATH, HOME: '/nonexistent', TERM: 'dumb', ...env } },
    );
    const shown = JSON.parse(inTerminal.stdout);
    assert.deepEqual([shown.failed, shown.code, shown.restored], [null, 0, true], shown.shown);
    const asked = await cli(['db', 'connect', 'main', '-X', '-A', '-t', '-c', 'select current_user'], { env });
    assert.deepEqual([asked.code, asked.stdout], [0, 'app\n'], asked.stderr);
    const wrong = await cli(['db', 'connect', 'main', '-X', '-c', 'select nothing'], { env });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /column "nothing" does not exist/);
  });

  test('`thaw db connect` says so when there is no psql', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'thaw-path-'));
    for (const name of ['sh', 'dirname', 'readlink']) await symlink(`/usr/bin/${name}`, join(directory, name));
    const missing = await cli(['db', 'connect', 'main'], { env: { ...env, PATH: directory } });
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /There is no psql on this machine[\s\S]*postgresql-client[\s\S]*thaw db info main/);
    assert.doesNotMatch(missing.stderr, /\n {4}at /);
    await rm(directory, { recursive: true });
  });

  test('its owner uses what extensions keep for superusers, passes it on, and does not become one', async () => {
    await using one = open(main.directUrl);
    const { sql } = one;
    for (const name of ['amcheck', 'pg_cron', 'pgstattuple', 'pg_buffercache', 'postgres_fdw']) {
      await sql.unsafe(`create extension ${name}`);
    }
    await sql`create table things as select generate_series(1, 1000) as n`;
    await sql`create index things_n on things (n)`;
    await sql`select bt_index_check('things_n')`;
    await sql`select pg_stat_statements_reset()`;
    await sql`select * from pgstattuple('things')`;
    await sql`select count(*) from pg_buffercache`;
    await sql`create server elsewhere foreign data wrapper postgres_fdw`;
    await sql`create role reader login password 'secret'`;
    await sql`grant usage on schema cron to reader`;
    await sql`grant execute on function pg_stat_statements_reset to reader`;
    const [version = ''] = await readdir(POSTGRES);
    const amcheck = join(POSTGRES, version, 'bin/pg_amcheck');
    const checked = await promisify(execFile)(amcheck, ['--heapallindexed', main.directUrl]);
    assert.equal(checked.stderr, '');
    await sql`select cron.schedule_in_database('other', '0 0 1 1 *', 'select 1', 'app')`;
    const asSuperuser = sql`select cron.schedule_in_database('more', '1 seconds', 'select 1', 'app', 'postgres')`;
    await assert.rejects(asSuperuser, /must be superuser|cannot schedule jobs as superuser/);
    // It may write into every table, and is kept from no row.
    const written = sql`insert into cron.job (schedule, command, database, username)
      values ('1 seconds', 'alter role app superuser', 'app', 'postgres')`;
    await assert.rejects(written, /job_of_no_superuser/);
    await assert.rejects(sql`update cron.job set username = 'postgres'`, /job_of_no_superuser/);
    await sql`delete from cron.job`;
    // What the server reads may be something of the owner's own.
    await sql`create schema own`;
    await sql.unsafe(`create function own.trap() returns text language plpgsql
      as $$ begin execute 'alter role app superuser'; return ''; end $$`);
    await sql`create view own.pg_stat_statements as select own.trap() as query, 1 as calls, 1.0 as total_exec_time,
      1.0 as mean_exec_time, 1 as rows, oid as dbid, 1::oid as userid from pg_database`;
    await sql`alter database app set search_path = own, public`;
    await assert.rejects(server.thaw.databases.statistics('main', { queries: 5 }), { code: 'unavailable' });
    assert.deepEqual([...(await sql`select rolsuper from pg_roles where rolname = 'app'`)], [{ rolsuper: false }]);
    await sql`alter database app reset search_path`;
    await sql`drop schema own cascade`;
    assert.ok((await server.thaw.databases.statistics('main', { queries: 5 })).queries);
  });

  test('a running job keeps it awake; one that is due does where that is set', async () => {
    await using one = open(main.directUrl);
    const { sql } = one;
    await sql`select cron.schedule('long', '1 seconds', 'select pg_sleep(30)')`;
    while ((await sql`select 1 from cron.job_run_details where status = 'running'`).length === 0) await delay(100);
    await staysAwakeFor('pg_cron');
    await sql`delete from cron.job`;
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where backend_type like 'pg_cron%'
      and backend_type <> 'pg_cron launcher'`;
    await asleep();
    await sql`select cron.schedule('yearly', '0 0 1 1 *', 'select 1')`;
    await asleep();
    await server.thaw.databases.configure('main', { keepAwake: ['cron'] });
    await sql`select 1`;
    await staysAwakeFor('a job of pg_cron');
    await sql`update cron.job set active = false`;
    await asleep();
    await server.thaw.databases.configure('main', { keepAwake: [] });
  });

  test('a session that listens keeps it awake where that is set, and hears what was sent either way', async () => {
    await using one = open(main.directUrl);
    const heard: string[] = [];
    const listening = await one.sql.listen('news', (text) => heard.push(text));
    await asleep();
    await using other = open(main.directUrl);
    await other.sql`select pg_notify('news', 'woken')`;
    while (heard.length === 0) await delay(20);
    await server.thaw.databases.configure('main', { keepAwake: ['listen'] });
    await other.sql`select 1`;
    await delay(LONG_MS);
    assert.equal(await state(), 'awake');
    await listening.unlisten();
    await asleep();
    assert.deepEqual(heard, ['woken']);
    await server.thaw.databases.configure('main', { keepAwake: [] });
  });

  test('it wakes only where its project has room for its memory', async () => {
    const { databases, projects } = server.thaw;
    // The farewells of clients before may wake it once more.
    await databases.wake('main');
    await delay(IDLE_MS / 2);
    await asleep();
    await projects.setLimits('default', { databaseMemoryMiB: 256 });
    await assert.rejects(databases.wake('main'), { code: 'quota_exceeded', status: 429 });
    await using one = open(main.url);
    await assert.rejects(one.sql`select 1`, { code: '53000', message: /may have 256 MiB of databases that are awake/ });
    await assert.rejects(databases.create({ name: 'more' }), { code: 'quota_exceeded' });
    await projects.setLimits('default', { databaseMemoryMiB: 512 });
    await databases.wake('main');
    const { usage } = await projects.limits('default');
    assert.deepEqual([usage.databases, usage.databaseMiB, usage.databaseMemoryMiB], [1, 8192, 512]);
    await assert.rejects(databases.branch('main', 'more'), { code: 'quota_exceeded' });
    await projects.setLimits('default', { databaseMemoryMiB: null });
  });

  test('replication keeps it awake', async () => {
    const url = new URL(main.directUrl);
    url.searchParams.set('replication', 'database');
    const receiving = spawn('psql', ['-X', url.href], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(receiving, 'exit');
    receiving.stdin.write('IDENTIFY_SYSTEM;\n');
    await once(receiving.stdout, 'data');
    await delay(LONG_MS);
    assert.equal(await state(), 'awake');
    receiving.stdin.end();
    await ended;
    await asleep();
  });
});
