import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findByArgument } from '../../platform/host/vmm/process.ts';
import { QEMU_BINARY } from '../../platform/host/vmm/qemu/driver.ts';
import { machineName } from '../../platform/host/vms/start.ts';
import type { ThawApiError } from '../../platform/sdk/index.ts';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/** Counts in a file on its volume, and in its memory; reads the file once, as it starts. */
const COUNTER = (version: string) => `
const fs = require('node:fs');
const file = '/data/count';
let count = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0;
let memory = 0;
const server = require('node:http').createServer(async (request, response) => {
  if (request.url === '/slow') await new Promise((resolve) => setTimeout(resolve, 1500));
  if (request.url === '/told') return response.end(fs.readFileSync('/data/told'));
  if (request.headers['user-agent'] !== 'test') return response.end('warm');
  count += 1;
  memory += 1;
  const handle = fs.openSync(file, 'w');
  fs.writeSync(handle, String(count));
  fs.fsyncSync(handle);
  fs.closeSync(handle);
  response.end(JSON.stringify({ version: '${version}', count, memory }));
});
process.once('SIGTERM', () => {
  fs.writeFileSync('/data/told', '${version} after ' + count);
  process.exit();
});
server.listen(process.env.PORT);
`;
const SETTINGS = '[[mounts]]\nvolume = "data"\npath = "/data"\n';
const PACKAGE = '{"name":"counter","private":true,"scripts":{"start":"node server.js"}}';

interface Counted {
  version: string;
  count: number;
  memory: number;
}

describe('an app with a volume', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let tree: WorkTree;
  before(async () => {
    server = stack.use(await startServer({ THAW_IDLE_MS: 60_000 }));
    tree = stack.use(
      await WorkTree.create({ 'server.js': COUNTER('one'), 'package.json': PACKAGE, 'thaw.toml': SETTINGS }),
    );
  });
  after(() => stack.disposeAsync());

  const ask = async (path = '/'): Promise<Counted> => {
    const answer = await new EdgeClient(server.config, 'counter').ask(path, { headers: { 'user-agent': 'test' } });
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text);
  };
  const refused = async (promise: Promise<unknown>) => {
    const { code, message } = await promise.then(
      () => assert.fail('it was not refused'),
      (thrown: ThawApiError) => thrown,
    );
    return `${code}: ${message}`;
  };
  const machines = () => findByArgument(QEMU_BINARY, '-name', machineName(server.config.serverId, ''));

  test('is refused with the command that makes the volume, then runs with it and belongs to its user', async () => {
    const without = await tree.push(server.remote('counter'));
    assert.notEqual(without.code, 0);
    assert.match(without.text, /no volume called data[\s\S]*thaw volume create data --size 1GB/);

    await server.thaw.volumes.create('data', 64);
    const pushed = await tree.push(server.remote('counter'));
    assert.equal(pushed.code, 0, pushed.text);
    assert.deepEqual(await ask(), { version: 'one', count: 1, memory: 1 });
    const volume = await server.thaw.volumes.get('data');
    assert.deepEqual(volume.mounts, [{ app: 'counter', path: '/data' }]);
    assert.deepEqual(volume.holder, { app: 'counter' });
  });

  test('hands it over with a push: no request fails, and nobody else has it meanwhile', async () => {
    await tree.commit({ 'server.js': COUNTER('two') });
    const { count: before } = await ask();
    let over = false;
    const answers: Counted[] = [];
    const client = async () => {
      while (!over) {
        answers.push(await ask());
        await sleep(20);
      }
    };
    const slow = async () => {
      while (!over) answers.push(await ask('/slow'));
    };
    const clients = [client(), client(), slow()];
    const pushed = await tree.push(server.remote('counter'));
    await sleep(300);
    over = true;
    await Promise.all(clients);
    assert.equal(pushed.code, 0, pushed.text);
    const counts = answers.map(({ count }) => count).sort((a, b) => a - b);
    assert.deepEqual(
      counts,
      Array.from({ length: counts.length }, (_, at) => before + 1 + at),
      'one after the other, each once',
    );
    assert.deepEqual(new Set(answers.map(({ version }) => version)), new Set(['one', 'two']));
    const told = await new EdgeClient(server.config, 'counter').ask('/told');
    const last = Math.max(...answers.filter(({ version }) => version === 'one').map(({ count }) => count));
    assert.equal(told.text, `one after ${last}`, 'it was told that it ends, after its last request');
    assert.equal((await ask()).version, 'two');
  });

  test('goes on as it was when the new code does not start', async () => {
    const { count: before } = await ask();
    await tree.commit({ 'server.js': 'console.error("no"); process.exit(3);' });
    const pushed = await tree.push(server.remote('counter'));
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.text, /ended while it was loading \(exit code 3\)/);
    const { version, count } = await ask();
    assert.deepEqual([version, count], ['two', before + 1]);
  });

  test('is rolled back with its volume', async () => {
    const { count: before } = await ask();
    await server.thaw.releases.rollback('counter');
    const { version, count } = await ask();
    assert.deepEqual([version, count], ['one', before + 1]);
  });

  test('keeps it: what would take it away is refused, and nothing is lost', async () => {
    const { volumes } = server.thaw;
    const { count: before } = await ask();
    await volumes.snapshot('data', 'first');
    await ask();
    assert.match(await refused(volumes.remove('data')), /^conflict: The app counter has the volume data/);
    assert.match(
      await refused(volumes.restore('data', 'first')),
      /^conflict: The app counter has the volume data in use/,
    );
    assert.match(await refused(volumes.detach('data')), /^conflict: The volume data is not attached/);
    await server.thaw.apps.create({ name: 'other' });
    assert.match(
      await refused(volumes.attach('data', { app: 'other', path: '/data' })),
      /^conflict: The app counter has the volume data/,
    );
    assert.equal((await ask()).count, before + 2);

    const copy = await volumes.clone('data', 'copy', { snapshot: 'first' });
    assert.equal(copy.sizeMiB, 64);
    assert.equal((await volumes.resize('data', 128)).sizeMiB, 128);
    await volumes.restore('data', 'first', { stop: true });
    assert.deepEqual(await ask(), { version: 'one', count: before + 1, memory: 1 });
    await volumes.remove('copy');
  });

  test('has what it synced after server and machine were killed', async () => {
    const { count: before } = await ask();
    await server.stop('SIGKILL');
    for (const { pid } of (await machines()).values()) process.kill(pid, 'SIGKILL');
    await server.start();
    assert.deepEqual(await ask(), { version: 'one', count: before + 1, memory: 1 });
  });

  test('sleeps with its volume, and goes on where it was', async () => {
    const { count, memory } = await ask();
    await server.stop('SIGTERM');
    assert.equal((await machines()).size, 0);
    await server.start();
    assert.deepEqual((await server.thaw.volumes.get('data')).holder, { app: 'counter' });
    assert.match(await refused(server.thaw.volumes.restore('data', 'first')), /in use/);
    const next = await ask();
    assert.deepEqual([next.count, next.memory], [count + 1, memory + 1]);
    await server.thaw.apps.remove('counter');
    await server.asleep();
    await server.thaw.volumes.remove('data');
  });
});

describe('a function with a volume', () => {
  test('finds it as it is loaded, ends when it is idle if it is to, and finds it again', async () => {
    await using server = await startServer();
    await server.thaw.volumes.create('notes', 32);
    await using tree = await WorkTree.create({
      'index.js': `
        import { existsSync, readFileSync, writeFileSync } from 'node:fs';
        const found = existsSync('/notes/log') ? readFileSync('/notes/log', 'utf8') : '';
        export default (request) => {
          if (request.method === 'POST') writeFileSync('/notes/log', found + 'x');
          return new Response(found);
        };`,
      'thaw.toml': 'sleep = "stop"\n[[mounts]]\nvolume = "notes"\npath = "/notes"\n',
    });
    const pushed = await tree.push(server.remote('notes'));
    assert.equal(pushed.code, 0, pushed.text);
    const edge = new EdgeClient(server.config, 'notes');
    for (const found of ['', 'x', 'xx']) {
      const answer = await edge.ask('/', { method: 'POST' });
      assert.deepEqual([answer.status, answer.text], [200, found]);
      await server.asleep();
    }
    const preview = await tree.push(server.remote('notes'), 'main:topic');
    assert.notEqual(preview.code, 0);
    assert.match(preview.text, /A preview has no volumes/);
    await server.thaw.apps.remove('notes');
    await server.thaw.volumes.remove('notes');
  });
});

describe('a sandbox with a volume', () => {
  test('leaves what it wrote to the next, and a fork gets a copy of its own', async () => {
    await using server = await startServer();
    const { sandboxes, volumes } = server.thaw;
    await volumes.create('shared', 64);
    const mounts = [{ volume: 'shared', path: '/work' }];
    const one = await sandboxes.create({ volumes: mounts });
    assert.equal((await one.exec('echo first > /work/note && cat /work/note')).stdout, 'first\n');
    await assert.rejects(sandboxes.create({ volumes: mounts }), { code: 'conflict' });
    await assert.rejects(volumes.remove('shared'), { code: 'conflict' });

    const [fork] = await one.fork();
    assert.ok(fork);
    await fork.exec('echo of the fork > /work/note');
    assert.equal((await one.exec('cat /work/note')).stdout, 'first\n');
    await one.kill();
    const next = await sandboxes.create({ volumes: mounts });
    assert.equal((await next.exec('cat /work/note')).stdout, 'first\n');
    const copies = (await volumes.list()).filter(({ name }) => name !== 'shared');
    assert.deepEqual(
      copies.map(({ holder }) => holder),
      [{ sandbox: fork.id }],
    );
    await Promise.all([next.kill(), fork.kill()]);

    const image = await Array.fromAsync(volumes.export(copies[0]?.name ?? ''));
    const back = await volumes.import('back', new Blob(image as Uint8Array<ArrayBuffer>[]));
    const last = await sandboxes.create({ volumes: [{ volume: back.name, path: '/work' }] });
    assert.equal((await last.exec('cat /work/note')).stdout, 'of the fork\n');
    await last.kill();
    for (const { name } of await volumes.list()) await volumes.remove(name);
  });
});
