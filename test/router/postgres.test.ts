import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import postgres from 'postgres';
import { ThawError } from '../../platform/errors.ts';
import { openPostgresStand, type PostgresStand } from './postgres-stand.ts';

let stand: PostgresStand;
before(async () => {
  stand = await openPostgresStand();
});
after(() => stand[Symbol.asyncDispose]());

const quiet = { onnotice: () => {}, fetch_types: false };
const client = (url = stand.url(), more: object = {}) => postgres(url, { max: 1, ...quiet, ...more });

/** What psql says to one query: standard output, or the end of standard error. */
async function psql(url: string, query = 'select 1', env: Record<string, string> = {}): Promise<string> {
  const child = spawn('psql', ['-X', '-A', '-t', url, '-c', query], { env: { ...process.env, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  await once(child, 'close');
  return said.trim();
}

test('the user leads to a database; a role in front of it is that role, and nothing else gets anywhere', async () => {
  await using sql = closing(client());
  assert.deepEqual(
    [...(await sql.sql`select current_user, current_database()`)],
    [{ current_user: 'app', current_database: 'main' }],
  );
  await sql.sql`create role reader login password 'reads'`;
  await using reader = closing(client(stand.url('reader.main-abcdef', 'reads')));
  assert.deepEqual([...(await reader.sql`select current_user`)], [{ current_user: 'reader' }]);
  // The endpoint where clients name the database, with the role alone as the user.
  const named = 'select current_user, current_database()';
  assert.equal(await psql(stand.url('app', undefined, 'main-abcdef'), named), 'app|main');
  assert.equal(await psql(stand.url('reader.pool', 'reads', 'main-abcdef'), named), 'reader|main');
  assert.match(await psql(stand.url('app', undefined, 'main-xxxxxx')), /There is no database with the user "app"/);
  assert.match(
    await psql(stand.url('main-xxxxxx')),
    /^psql: error: .*FATAL: {2}There is no database with the user "main-xxxxxx"\.\nHINT: /s,
  );
  assert.match(await psql(stand.url(undefined, 'wrong')), /password authentication failed for user "app"/);
  assert.match(await psql(stand.url(undefined, undefined, 'nosuch')), /FATAL: {2}database "nosuch" does not exist/);
});

test('TLS with the certificate of the server’s own authority, by SSLRequest, at once and by the endpoint’s name', async () => {
  const ssl = { ca: stand.authority, servername: 'localhost' };
  await using sql = closing(client(stand.url(), { ssl }));
  assert.deepEqual([...(await sql.sql`select 1 as one`)], [{ one: 1 }]);
  assert.equal(await psql(`${stand.url()}?sslmode=require`, "select 'tls'"), 'tls');
  // A role alone, for the server's name says which database.
  await using named = closing(client(stand.url('app'), { ssl: { ...ssl, servername: 'main-abcdef.localhost' } }));
  assert.deepEqual([...(await named.sql`select 1 as one`)], [{ one: 1 }]);
  // `sslnegotiation=direct`.
  const direct = connectTls({ port: stand.port, host: '127.0.0.1', ...ssl, ALPNProtocols: ['postgresql'] });
  await once(direct, 'secureConnect');
  assert.equal(direct.alpnProtocol, 'postgresql');
  direct.write(startup({ user: 'nobody' }));
  const [answer] = (await once(direct, 'data')) as [Buffer];
  assert.equal(answer.toString('latin1', 0, 1), 'E');
  direct.destroy();
});

test('what a client asks of one session can be cancelled', async () => {
  await using sql = closing(client());
  const asking = sql.sql`select pg_sleep(20)`.execute();
  await delay(100);
  asking.cancel();
  await assert.rejects(asking, { code: '57014' });
  assert.deepEqual([...(await sql.sql`select 1 as one`)], [{ one: 1 }]);
});

test('falls asleep under idle sessions and goes on with them', async () => {
  const pool = postgres(stand.url(), { max: 5, ...quiet });
  try {
    await Promise.all(Array.from({ length: 5 }, () => pool`select pg_sleep(0.02)`));
    await using one = closing(client());
    await one.sql`create temp table kept as select 42 as n`;
    await one.sql`select pg_advisory_lock(7)`;
    await stand.asleep();
    const turns = stand.turns.length;
    assert.deepEqual([...(await one.sql`select n from kept`)], [{ n: 42 }]);
    assert.deepEqual([...(await one.sql`select pg_advisory_unlock(7) as had`)], [{ had: true }]);
    assert.deepEqual(stand.turns.slice(turns), ['up']);
    await stand.asleep();
    await Promise.all(Array.from({ length: 5 }, () => pool`select 1`));
    await stand.asleep();
    await using late = closing(client());
    assert.deepEqual([...(await late.sql`select 1 as one`)], [{ one: 1 }]);
  } finally {
    await pool.end({ timeout: 1 });
  }
});

test('stays awake in a transaction, while a query runs, while a copy waits, and while it is busy itself', async () => {
  const stays = async () => {
    const before = stand.turns.filter((turn) => turn === 'sleep').length;
    await delay(700);
    assert.equal(stand.turns.filter((turn) => turn === 'sleep').length, before);
  };
  await using one = closing(client());
  await one.sql.begin(async (tx) => {
    await tx`select 1`;
    await stays();
  });
  await stand.asleep();
  const slow = one.sql`select pg_sleep(0.9)`.execute();
  await stays();
  await slow;
  await stand.asleep();
  await one.sql`create temp table copied (n int)`;
  const writable = await one.sql`copy copied from stdin`.writable();
  writable.write('1\n');
  await stays();
  writable.end('2\n');
  await once(writable, 'finish');
  assert.deepEqual([...(await one.sql`select sum(n)::int as sum from copied`)], [{ sum: 3 }]);
  await stand.asleep();
  stand.busy = 'autovacuum worker';
  await one.sql`select 1`;
  await stays();
  stand.busy = undefined;
  await stand.asleep();
});

test('a listener keeps it awake only where that is wanted', async () => {
  await using one = closing(client());
  await one.sql`listen news`;
  await stand.asleep();
  stand.route = { ...stand.route, listenersKeepAwake: true };
  await one.sql`select 1`;
  await using other = closing(client());
  await other.sql`select 1`;
  const before = stand.turns.length;
  await delay(700);
  assert.equal(stand.turns.length, before);
  stand.route = { ...stand.route, listenersKeepAwake: false };
  await other.sql`unlisten *`;
  await using third = closing(client());
  await third.sql`select 1`;
  await stand.asleep();
});

test('one that does not come up says why, to who waits and to who was connected', async () => {
  await using one = closing(client());
  await one.sql`select 1`;
  await stand.asleep();
  stand.broken = new ThawError('no_room', 'There is no room.', { hint: 'Come again.' });
  assert.match(await psql(stand.url()), /FATAL: {2}There is no room\.\nHINT: {2}Come again\./);
  // The client hears why, and then that the connection is closed, which is what it tells.
  await assert.rejects(one.sql`select 1`.execute(), { code: 'CONNECTION_CLOSED' });
  stand.broken = undefined;
  assert.equal(await psql(stand.url(), "select 'again'"), 'again');
  await stand.asleep();
});

test('startup packets are bounded, and refused in their own protocol', async () => {
  const answers = async (bytes: Buffer) => {
    const socket = await dial();
    socket.write(bytes);
    const parts: Uint8Array[] = [];
    socket.on('data', (chunk: Buffer) => parts.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(parts).toString('latin1');
  };
  const sized = (length: number, code: number) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(length);
    head.writeUInt32BE(code, 4);
    return head;
  };
  assert.match(await answers(sized(50_000_000, 196_608)), /^E.*C08P01/s);
  assert.match(await answers(sized(3, 196_608)), /^E.*C08P01/s);
  assert.match(await answers(Buffer.concat([sized(12, 196_608), Buffer.from('user')])), /^E.*C08P01/s);
  assert.match(await answers(startup({ user: 'main-abcdef' }, 131_072)), /^E.*C0A000/s);
  assert.match(await answers(startup({ database: 'main' })), /^E.*C28000/s);
  // GSS is declined, TLS begun; what was sent along in the clear must not count.
  const both = await dial();
  both.write(sized(8, 80_877_104));
  assert.equal(String((await once(both, 'data'))[0]), 'N');
  both.write(Buffer.concat([sized(8, 80_877_103), startup({ user: 'main-abcdef' })]));
  await once(both, 'close');
});

function startup(parameters: Record<string, string>, version = 196_608): Buffer {
  const body = Buffer.from(
    `${Object.entries(parameters)
      .map(([name, value]) => `${name}\0${value}\0`)
      .join('')}\0`,
  );
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length);
  head.writeUInt32BE(version, 4);
  return Buffer.concat([head, body]);
}

async function dial(): Promise<Socket> {
  const socket = connect({ port: stand.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

function closing(sql: postgres.Sql): AsyncDisposable & { sql: postgres.Sql } {
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}

test('one address that opens connections and says nothing does not keep others out', async () => {
  const silent = Array.from({ length: 150 }, () =>
    connect({ port: stand.port, host: '127.0.0.1' }).on('error', () => {}),
  );
  try {
    // Those past the bound are closed at once.
    await Promise.all(silent.slice(100).map((socket) => once(socket.resume(), 'close')));
    const other = connect({ port: stand.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])); // SSLRequest
    const [answer] = (await once(other, 'data')) as [Buffer];
    assert.equal(answer.toString('latin1'), 'S');
    other.destroy();
  } finally {
    for (const socket of silent) socket.destroy();
  }
});
