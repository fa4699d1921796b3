import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandExitError, FileNotFoundError, Sandbox, SandboxNotFoundError } from 'e2b';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/** The package as it is published, given our addresses and key. */
describe("E2B's own client", () => {
  let server: ServerFixture;
  let sandbox: Sandbox;
  let ours: { apiKey: string; apiUrl: string; sandboxUrl: string };
  before(async () => {
    server = await startServer({ THAW_SLOTS_AHEAD: 3 });
    ours = {
      apiKey: server.key,
      apiUrl: `${server.url}/e2b`,
      sandboxUrl: `http://127.0.0.1:${server.config.edge.port}`,
    };
    sandbox = await Sandbox.create('base', {
      ...ours,
      timeoutMs: 300_000,
      metadata: { user: 'ada' },
      envs: { A: 'set' },
    });
  });
  after(async () => {
    for (const { id } of await server.thaw.sandboxes.list()) await (await server.thaw.sandboxes.get(id)).kill();
    await server[Symbol.asyncDispose]();
  });

  test('lists it, tells about it, sets its time', async () => {
    const found = await Sandbox.list({ ...ours, query: { metadata: { user: 'ada' } } }).nextItems();
    assert.deepEqual(
      found.map(({ sandboxId, state, metadata }) => ({ sandboxId, state, metadata })),
      [{ sandboxId: sandbox.sandboxId, state: 'running', metadata: { user: 'ada' } }],
    );
    const none = await Sandbox.list({ ...ours, query: { metadata: { user: 'bob' } } }).nextItems();
    assert.deepEqual(none, []);
    const before = (await sandbox.getInfo()).endAt;
    await sandbox.setTimeout(600_000);
    assert.ok((await sandbox.getInfo()).endAt > before);
    assert.equal(await sandbox.isRunning(), true);
  });

  test('runs commands in the foreground, in the background, with input, and kills them', async () => {
    const { stdout, exitCode } = await sandbox.commands.run('echo $A $B; pwd; whoami', { envs: { B: 'too' } });
    assert.deepEqual([stdout, exitCode], ['set too\n/home/user\nuser\n', 0]);
    await assert.rejects(
      sandbox.commands.run('echo bad >&2; exit 3'),
      (error) => error instanceof CommandExitError && error.exitCode === 3 && error.stderr === 'bad\n',
    );
    const cat = await sandbox.commands.run('cat; echo done', { background: true, stdin: true });
    await sandbox.commands.sendStdin(cat.pid, 'hello\n');
    await sandbox.commands.closeStdin(cat.pid);
    assert.equal((await cat.wait()).stdout, 'hello\ndone\n');
    const long = await sandbox.commands.run('sleep 1000', { background: true });
    assert.ok((await sandbox.commands.list()).some(({ pid }) => pid === long.pid));
    assert.equal(await sandbox.commands.kill(long.pid), true);
    await assert.rejects(long.wait(), CommandExitError);
    assert.equal(await sandbox.commands.kill(long.pid), false);
  });

  test('reads, writes, lists, watches, renames and removes files', async () => {
    const bytes = new Uint8Array(300_000).map((_, at) => (at * 7) % 256);
    await sandbox.files.write('dir/a file', bytes.buffer);
    assert.deepEqual(await sandbox.files.read('dir/a file', { format: 'bytes' }), bytes);
    const seen: string[] = [];
    const watching = await sandbox.files.watchDir('dir', ({ type, name }) => void seen.push(`${type} ${name}`));
    await sandbox.files.write('dir/b', 'text');
    await sandbox.files.rename('dir/b', 'dir/c');
    await sandbox.files.remove('dir/c');
    for (let tries = 0; !seen.includes('remove c') && tries < 100; tries += 1) await sleep(50);
    await watching.stop();
    assert.ok(seen.includes('create b') && seen.includes('remove c'), seen.join());
    assert.deepEqual(
      (await sandbox.files.list('dir')).map(({ name }) => name),
      ['a file'],
    );
    await assert.rejects(sandbox.files.read('dir/b'), FileNotFoundError);
  });

  test('has a terminal', async () => {
    let screen = '';
    const onData = (data: Uint8Array) => {
      screen += Buffer.from(data).toString();
    };
    const pty = await sandbox.pty.create({ cols: 90, rows: 20, onData });
    await sandbox.pty.resize(pty.pid, { cols: 120, rows: 33 });
    await sandbox.pty.sendInput(pty.pid, Buffer.from('stty size; exit 4\n'));
    await assert.rejects(pty.wait(), (error) => error instanceof CommandExitError && error.exitCode === 4);
    assert.match(screen, /33 120/);
  });

  test('pauses it and finds it as it was', async () => {
    const counting = await sandbox.commands.run('n=0; while :; do n=$((n+1)); echo $n >/tmp/n; sleep 0.2; done', {
      background: true,
    });
    const count = async () => Number(await sandbox.files.read('/tmp/n').catch(() => '0'));
    while ((await count()) < 2) await sleep(100);
    await sandbox.pause();
    assert.equal((await sandbox.getInfo()).state, 'paused');
    sandbox = await Sandbox.connect(sandbox.sandboxId, ours);
    const then = await count();
    while ((await count()) <= then) await sleep(100);
    await sandbox.commands.kill(counting.pid);
    assert.match(sandbox.getHost(3000), new RegExp(`^3000-${sandbox.sandboxId}\\.localhost:\\d+$`));
  });

  test('is kept from what is not its business', async () => {
    const headers = { 'e2b-sandbox-id': sandbox.sandboxId, 'e2b-sandbox-port': '49983' };
    const ask = (path: string, more: Record<string, string> = {}) =>
      fetch(`${ours.sandboxUrl}${path}`, { headers: { ...headers, ...more } });
    assert.equal((await ask('/health')).status, 404, 'without its token');
    assert.equal((await ask('/health', { 'x-access-token': 'abc.def' })).status, 404);
    const { envdAccessToken: token = '' } = sandbox as unknown as { envdAccessToken?: string };
    assert.equal((await ask('/health', { 'x-access-token': token })).ok, true);
    for (const path of ['/tree?path=/etc', '/init', '/process', '/logs', '/settle', '/files/../tree?path=/etc']) {
      assert.equal((await ask(path, { 'x-access-token': token })).status, 404, path);
    }
    await assert.rejects(Sandbox.connect('s234567abcdefghi', ours), SandboxNotFoundError);
    await assert.rejects(Sandbox.create('base', { ...ours, apiKey: 'thw_wrong' }), { name: 'AuthenticationError' });
  });

  test('ends it', async () => {
    assert.equal(await sandbox.kill(), true);
    assert.equal(await Sandbox.kill(sandbox.sandboxId, ours), false);
    await assert.rejects(sandbox.commands.run('true'));
  });
});
