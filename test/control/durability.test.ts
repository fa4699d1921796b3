import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openControl } from '../../platform/control/open.ts';
import { silentLog } from '../../platform/log.ts';
import { temporaryDirectory } from '../fixtures/control.ts';
import { startPostgres } from '../fixtures/postgres.ts';

const WRITER = fileURLToPath(new URL('../fixtures/acknowledging-writer.ts', import.meta.url));
const ROUNDS = 2;
const ROWS_PER_ROUND = 150;

const open = (dataDir: string) => openControl({ databaseUrl: undefined, dataDir, log: silentLog() });

/** Runs the writer until it has acknowledged enough, kills it at once and gives back what it acknowledged. */
async function writeAndKill(dataDir: string, prefix: string): Promise<string[]> {
  const writer = spawn(process.execPath, [WRITER, dataDir, prefix], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(writer, 'exit');
  const acknowledged: string[] = [];
  for await (const name of createInterface({ input: writer.stdout })) {
    acknowledged.push(name);
    if (acknowledged.length === ROWS_PER_ROUND) writer.kill('SIGKILL');
  }
  assert.deepEqual(await gone, [null, 'SIGKILL']);
  return acknowledged;
}

test('kill -9 at any instant loses no row that was acknowledged', async () => {
  await using directory = await temporaryDirectory();
  const expected: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) expected.push(...(await writeAndKill(directory.path, `r${round}x`)));
  await using control = await open(directory.path);
  const names = new Set((await control.apps.list(null)).map(({ name }) => name));
  assert.ok(expected.length >= ROUNDS * ROWS_PER_ROUND);
  assert.deepEqual(
    expected.filter((name) => !names.has(name)),
    [],
  );
  const secret = (await readFile(join(directory.path, 'admin.key'), 'utf8')).trim();
  assert.equal((await control.keys.authenticate(secret)).project, null);
});

test('kill -9 while the database is made leaves a data directory that the next server can use', async () => {
  await using directory = await temporaryDirectory();
  const writer = spawn(process.execPath, [WRITER, directory.path, 'first'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const gone = once(writer, 'exit');
  const isMaking = async () => {
    const names = await readdir(directory.path);
    const beside = names.find((name) => name.startsWith('control.new-'));
    return beside !== undefined && (await readdir(join(directory.path, beside))).includes('PG_VERSION');
  };
  while (!(await isMaking())) await sleep(5);
  writer.kill('SIGKILL');
  await gone;
  await using control = await open(directory.path);
  assert.deepEqual(await control.apps.list(null), []);
});

test('a second server on one data directory is refused, while the first one runs', async () => {
  await using directory = await temporaryDirectory();
  const writer = spawn(process.execPath, [WRITER, directory.path, 'held'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(writer, 'exit');
  try {
    await once(createInterface({ input: writer.stdout }), 'line');
    await assert.rejects(open(directory.path), { code: 'conflict', message: /Another Thaw server is using/ });
  } finally {
    writer.kill('SIGKILL');
    await gone;
  }
  const first = await open(directory.path);
  await assert.rejects(open(directory.path), { code: 'conflict' });
  await first[Symbol.asyncDispose]();
  await (await open(directory.path))[Symbol.asyncDispose]();
});

test('servers that start together on one Postgres make its tables once', async () => {
  await using server = await startPostgres();
  const databaseUrl = await server.database('together');
  await using stack = new AsyncDisposableStack();
  const starts = Array.from({ length: 3 }, async () => {
    const directory = stack.use(await temporaryDirectory());
    return stack.use(await openControl({ databaseUrl, dataDir: directory.path, log: silentLog() }));
  });
  const [first] = await Promise.all(starts);
  assert.equal((await first?.projects.list())?.length, 1);
});

test('a database that cannot be reached is a clear error without the password', async () => {
  await using directory = await temporaryDirectory();
  const databaseUrl = 'postgres://thaw:secret-word@127.0.0.1:1/thaw';
  const attempt = openControl({ databaseUrl, dataDir: directory.path, log: silentLog() });
  await assert.rejects(attempt, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'misconfigured');
    assert.ok(!error.message.includes('secret-word'));
    return true;
  });
  // What was opened before the failure is closed again: the directory is free.
  await (await open(directory.path))[Symbol.asyncDispose]();
});
