import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import postgres from 'postgres';
import type { KeepAwake } from '../../platform/databases/contract.ts';
import { busyQuery } from '../../platform/databases/queries.ts';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts';

/** Long enough for a question to come while it runs, and broken off at the end. */
const LONG = 'select pg_sleep(60)';

describe('what Postgres is busy with', () => {
  const stack = new AsyncDisposableStack();
  let server: PostgresServer;
  let url: string;
  before(async () => {
    server = stack.use(await startPostgres());
    url = await server.database('main');
  });
  after(() => stack.disposeAsync());

  const busy = async (keepAwake: KeepAwake[] = []) => {
    const asking = promisify(execFile)('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-', url]);
    asking.child.stdin?.end(busyQuery(keepAwake));
    return (await asking).stdout.trim();
  };
  const until = async (answer: string) => {
    while ((await busy()) !== answer) await delay(20);
  };
  const open = () => {
    const host = new URL(url).searchParams.get('host') ?? '';
    const sql = postgres({ host, username: 'thaw', database: 'main', max: 1, onnotice: () => {} });
    return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 0 }) };
  };

  test('idle sessions and the processes that are always there are nothing', async () => {
    await using one = open();
    await one.sql`select 1`;
    await until('');
    assert.equal(await busy(['cron', 'listen']), '');
  });

  test('a query and an open transaction are something', async () => {
    await using one = open();
    const slow = one.sql.unsafe(LONG).execute();
    await until('client backend');
    slow.cancel();
    await assert.rejects(slow);
    await until('');
    await one.sql.begin(async (tx) => {
      await tx`select 1`;
      assert.equal(await busy(), 'client backend');
    });
    await until('');
  });

  test('an autovacuum is something', async () => {
    await using one = open();
    // Slow: a millisecond of work, then a tenth of a second of rest.
    const slowly =
      'autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100';
    await one.sql.unsafe(`create table dead (n int) with (${slowly}, autovacuum_vacuum_cost_limit = 1)`);
    await one.sql`insert into dead select generate_series(1, 100000)`;
    await one.sql`delete from dead`;
    await server.sql('alter system set autovacuum_naptime = 1');
    await server.sql('select pg_reload_conf()');
    await until('autovacuum worker');
    await one.sql`drop table dead`;
    await server.sql('alter system reset autovacuum_naptime');
    await server.sql('select pg_reload_conf()');
    await until('');
  });

  test('replication is something', async () => {
    const receiving = spawn('psql', ['-X', `${url}&replication=database`], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = once(receiving, 'exit');
    receiving.stdin.write('IDENTIFY_SYSTEM;\n');
    await until('walsender');
    receiving.stdin.end();
    await ended;
    await until('');
  });
});
