import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Sandbox, Thaw, type ThawApiError } from '../../platform/sdk/index.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { vmmProcesses } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/** Answers with what it was asked and holds a counter; also echoes over WebSockets. */
const PROGRAM = `
let count = 0;
const server = require('node:http').createServer((request, response) => {
  count += 1;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ url: request.url, cookie: request.headers.cookie ?? null, token: request.headers['x-thaw-token'] ?? null, count }));
});
server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = require('node:crypto').createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]));
});
server.listen(8000, '0.0.0.0', () => console.log('listening'));
`;

describe('sandboxes', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let key: string;

  before(async () => {
    server = stack.use(await startServer({ THAW_SLOTS_AHEAD: 4, THAW_SANDBOX_MAX_TTL_S: 3600 }));
    key = server.key;
  });
  afterEach(async () => {
    for (const one of await server.thaw.sandboxes.list()) await one.kill();
  });
  after(() => stack.disposeAsync());

  const create = (options: Parameters<typeof Sandbox.create>[0] = {}) =>
    Sandbox.create({ url: server.url, apiKey: key, ...options });
  const refusal = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => assert.fail('it was not refused'),
      (thrown: ThawApiError) => thrown,
    );
    return { status: error.status, code: error.code, message: error.message };
  };
  /** Starts the program above, which goes on when the command that started it has ended. */
  const listen = async (sandbox: Sandbox) => {
    await sandbox.files.write('/app/server.js', PROGRAM);
    const { stdout } = await sandbox.exec(
      'setsid node server.js >out 2>&1 </dev/null & until grep -q listening out; do sleep 0.1; done; cat out',
    );
    assert.equal(stdout, 'listening\n');
  };

  test('create, run commands, kill; the end and its reason stay known', async () => {
    let id = '';
    {
      await using sandbox = await create({ environment: { GREETING: 'hello' }, metadata: { user: 'ada' } });
      id = sandbox.id;
      assert.match(id, /^s[a-z2-7]{15}$/);
      assert.deepEqual([sandbox.info.state, sandbox.info.template], ['running', 'base']);
      const result = await sandbox.exec('echo $GREETING $MORE; pwd; whoami; echo bad >&2; exit 3', {
        env: { MORE: 'x' },
      });
      const { stdout, stderr, exitCode, signal, timedOut, truncated } = result;
      assert.deepEqual([stdout, stderr], ['hello x\n/app\napp\n', 'bad\n']);
      assert.deepEqual([exitCode, signal, timedOut, truncated], [3, null, false, false]);
      assert.equal((await sandbox.exec(['id', '-u'], { user: 'root', cwd: '/' })).stdout, '0\n');
      const found = await server.thaw.sandboxes.list({ metadata: { user: 'ada' }, state: 'running' });
      assert.deepEqual(
        found.map((one) => one.id),
        [id],
      );
      assert.deepEqual(await server.thaw.sandboxes.list({ metadata: { user: 'bob' } }), []);
      const [sample] = await sandbox.usage();
      assert.ok(sample !== undefined && sample.memoryBytes > 20e6, JSON.stringify(sample));
    }
    const { info } = await server.thaw.sandboxes.get(id);
    assert.deepEqual([info.state, info.endReason, info.endsAt], ['ended', 'killed', null]);
    assert.ok(info.endedAt);
    const gone = await refusal((await server.thaw.sandboxes.get(id)).exec('true'));
    assert.deepEqual([gone.status, gone.code], [410, 'gone']);
    assert.match(gone.message, /it was killed/);
    assert.equal((await server.thaw.sandboxes.get(id)).info.endReason, 'killed');
  });

  test('output comes as it is written, and leaving ends the command', async () => {
    await using sandbox = await create();
    const seen: string[] = [];
    for await (const event of sandbox.stream('echo one; sleep 0.5; echo two >&2; kill -9 $$')) {
      seen.push(event.type === 'exit' ? `${event.exitCode} ${event.signal}` : `${event.type} ${event.data}`);
    }
    assert.deepEqual(seen, ['stdout one\n', 'stderr two\n', 'null SIGKILL']);
    for await (const event of sandbox.stream('echo begun; sleep 1000')) {
      if (event.type === 'stdout') break;
    }
    const running = async () => (await sandbox.exec('ps() { cat /proc/[0-9]*/cmdline | tr "\\0" " "; }; ps')).stdout;
    for (let tries = 0; (await running()).includes('sleep 1000'); tries += 1) {
      assert.ok(tries < 50, 'the command goes on');
      await sleep(100);
    }
    const late = await sandbox.exec('echo x; sleep 100', { timeoutSeconds: 1 });
    assert.deepEqual([late.stdout, late.timedOut, late.exitCode], ['x\n', true, null]);
    const cut = await sandbox.exec('head -c 100000 /dev/zero | tr "\\0" x', { maxOutputBytes: 1000 });
    assert.deepEqual([cut.stdout.length, cut.truncated], [1000, true]);
    assert.match((await refusal(sandbox.exec(['no-such-program']))).message, /could not be started/);
  });

  test('files and trees go in and come out as they are', async () => {
    await using sandbox = await create();
    const bytes = randomBytes(3_000_001);
    await sandbox.files.write('/app/deep/er/data.bin', bytes, { mode: 0o600 });
    assert.deepEqual(Buffer.from(await sandbox.files.readBytes('/app/deep/er/data.bin')), bytes);
    assert.match((await sandbox.exec('stat -c "%a %U %s" deep/er/data.bin')).stdout, /^600 app 3000001\n$/);
    await sandbox.files.write('/app/empty', '');
    assert.equal(await sandbox.files.read('/app/empty'), '');
    await sandbox.files.write('/app/ünï cødé.txt', 'ß\n');
    assert.equal((await sandbox.exec('cat "ünï cødé.txt"')).stdout, 'ß\n');
    const tar = await Array.fromAsync(sandbox.files.download('/app'));
    await sandbox.files.upload('/app/copy', Buffer.concat(tar));
    const sums = await sandbox.exec('sha256sum < deep/er/data.bin; sha256sum < copy/deep/er/data.bin');
    const [one, other] = sums.stdout.split('\n');
    assert.equal(one, other);

    const files = sandbox.files;
    assert.equal((await refusal(files.read('/app/nothing'))).code, 'not_found');
    assert.equal((await refusal(files.read('/app'))).code, 'invalid_input');
    assert.equal((await refusal(files.read('/etc/shadow'))).code, 'forbidden');
    assert.match(await files.read('/etc/shadow', { user: 'root' }), /^root:/);
    for (const path of ['relative', '/a\0b', `/${'x'.repeat(5000)}`]) {
      assert.equal((await refusal(files.read(path))).code, 'invalid_input', path.slice(0, 20));
      assert.equal((await refusal(files.write(path, 'x'))).code, 'invalid_input', path.slice(0, 20));
    }
    assert.equal((await sandbox.exec('echo still')).stdout, 'still\n');
  });

  test('pause keeps processes and memory; using it lets it go on', async () => {
    await using sandbox = await create({ template: 'node', ttlSeconds: 600, ports: 'public' });
    await listen(sandbox);
    const edge = new EdgeClient(server.config, `8000-${sandbox.id}`);
    assert.equal((await edge.ask('/a')).json.count, 1);
    assert.equal((await edge.ask('/b')).json.count, 2);
    const paused = await sandbox.pause();
    assert.deepEqual([paused.state, paused.endsAt], ['paused', null]);
    assert.equal((await vmmProcesses(server.config.serverId)).size, 0);
    assert.deepEqual((await sandbox.pause()).state, 'paused', 'once more is no error');
    // The edge wakes it, as it does an app that sleeps.
    const answer = await edge.ask('/c');
    assert.deepEqual([answer.status, answer.json?.count, answer.start], [200, 3, 'resumed'], answer.text);
    assert.equal((await sandbox.refresh()).state, 'running');
    await sandbox.pause();
    assert.equal((await sandbox.exec('echo awake')).stdout, 'awake\n');
    await sandbox.pause();
    const resumed = await sandbox.resume({ ttlSeconds: 100 });
    assert.deepEqual([resumed.state, resumed.ttlSeconds], ['running', 100]);
    assert.equal((await edge.ask('/d')).json.count, 4);
  });

  test('fork copies running processes, each on its own from then on', async () => {
    await using parent = await create({ template: 'node', ports: 'public', metadata: { of: 'fork' } });
    await listen(parent);
    const ask = async (sandbox: Sandbox) =>
      (await new EdgeClient(server.config, `8000-${sandbox.id}`).ask('/')).json.count as number;
    assert.equal(await ask(parent), 1);
    const [one, other] = await parent.fork(2);
    assert.ok(one && other);
    assert.deepEqual([await ask(one), await ask(one), await ask(other), await ask(parent)], [2, 3, 2, 2]);
    assert.deepEqual([one.info.parent, one.info.metadata], [parent.id, { of: 'fork' }]);
    const random = await Promise.all([one, other, parent].map((it) => it.exec('cat /proc/sys/kernel/random/uuid')));
    assert.equal(new Set(random.map(({ stdout }) => stdout)).size, 3);
    await parent.kill();
    assert.equal(await ask(other), 3, 'it does not need its parent');
  });

  test('a snapshot becomes a template with versions, which sandboxes go on from', async () => {
    await using sandbox = await create();
    await sandbox.exec('echo first > note');
    assert.deepEqual((await sandbox.snapshot('mine')).version, 1);
    await sandbox.exec('echo second > note');
    assert.deepEqual((await sandbox.snapshot('mine')).version, 2);
    const note = async (template: string) => {
      await using made = await create({ template });
      return [made.info.template, await made.files.read('/app/note')];
    };
    assert.deepEqual(await note('mine'), ['mine:2', 'second\n']);
    assert.deepEqual(await note('mine:1'), ['mine:1', 'first\n']);
    assert.equal((await sandbox.exec('cat note')).stdout, 'second\n', 'it goes on');

    await using stands = await create({ template: 'mine:1' });
    await stands.pause();
    assert.equal((await refusal(create({ template: 'mine', memoryMiB: 1024 }))).code, 'invalid_input');
    assert.equal((await refusal(create({ template: 'mine:9' }))).code, 'not_found');
    assert.equal((await refusal(sandbox.snapshot('python'))).code, 'invalid_input');
    assert.equal((await refusal(sandbox.snapshot('No_Name'))).code, 'invalid_input');
    const removed = await server.thaw.templates.remove('mine');
    assert.deepEqual(removed.map(({ version }) => version).sort(), [1, 2]);
    assert.equal((await refusal(create({ template: 'mine:1' }))).code, 'not_found');
    assert.equal((await stands.exec('cat note')).stdout, 'first\n', 'what stands on it goes on');
    assert.deepEqual((await sandbox.snapshot('mine')).version, 3, 'no number is given twice');
    await server.thaw.templates.remove('mine:3');
    assert.deepEqual(
      (await server.thaw.templates.list()).map(({ name }) => name),
      ['base', 'node', 'python', 'code-interpreter'],
    );
  });

  test('its time ends it, or pauses it where that was asked for; it can be set anew', async () => {
    const events = new AbortController();
    const told: string[] = [];
    const listening = (async () => {
      for await (const { type, reason } of server.thaw.sandboxes.events({ signal: events.signal })) {
        told.push(reason === undefined ? type : `${type} ${reason}`);
      }
    })().catch(() => {});
    await sleep(200);
    const short = await create({ ttlSeconds: 2 });
    const kept = await create({ ttlSeconds: 2, autoPause: true });
    const longer = await create({ ttlSeconds: 2 });
    await longer.setTimeout(600);
    const ends = await Array.fromAsync(short.events());
    assert.deepEqual(
      ends.map(({ type, reason }) => [type, reason]),
      [['ended', 'ttl']],
    );
    assert.deepEqual((await short.refresh()).endReason, 'ttl');
    assert.match((await refusal(short.exec('true'))).message, /its time was up/);
    while ((await kept.refresh()).state !== 'paused') await sleep(50);
    assert.equal((await kept.exec('echo here')).stdout, 'here\n');
    assert.equal((await longer.refresh()).state, 'running');
    await longer.kill();
    await kept.kill();
    events.abort();
    await listening;
    assert.deepEqual(told.filter((event) => event === 'created').length, 3);
    for (const event of ['ended ttl', 'paused', 'resumed', 'ended killed']) assert.ok(told.includes(event), event);
    assert.deepEqual(await Array.fromAsync(short.events()), [
      { type: 'ended', sandbox: short.id, project: 'default', at: short.info.endedAt, reason: 'ttl' },
    ]);
  });

  test('reaches nothing that its rules do not name; what it was refused is in its log, and rules can be changed', async () => {
    await using sandbox = await create();
    const look = (name: string) => sandbox.exec(`getent hosts ${name}`);
    assert.notEqual((await look('example.com')).exitCode, 0);
    // Where the connection goes is only known once something is said on it.
    const said =
      'exec 3<>/dev/tcp/198.51.100.7/80; printf "GET / HTTP/1.1\\r\\nHost: x.test\\r\\n\\r\\n" >&3; cat <&3 | wc -c';
    const { stdout } = await sandbox.exec(['bash', '-c', said], { timeoutSeconds: 20 });
    // Nothing at all where the reset ends the shell itself as it writes.
    assert.equal(Number(stdout), 0);
    const lines: string[] = [];
    for await (const { line } of sandbox.logs({ follow: true, signal: AbortSignal.timeout(10_000) })) {
      lines.push(line);
      if (lines.some((one) => one.includes('example.com')) && lines.some((one) => one.includes('198.51.100.7'))) break;
    }
    assert.ok(
      lines.every((line) => line.startsWith('refused ')),
      lines.join('\n'),
    );
    const { egress } = await sandbox.setEgress(['*.example.com', '198.51.100.0/24']);
    assert.deepEqual(egress, { allow: ['*.example.com', '198.51.100.0/24'] });
    assert.deepEqual((await sandbox.refresh()).egress, egress);
    const wrong = await refusal(sandbox.setEgress(['10.0.0.0/8']));
    assert.deepEqual([wrong.code, wrong.message.includes('10.0.0.0/8')], ['invalid_input', true], wrong.message);
    assert.deepEqual((await sandbox.refresh()).egress, egress);
  });

  test('one whose machine ends by itself says so', async () => {
    const sandbox = await create();
    const processes = await vmmProcesses(server.config.serverId);
    assert.equal(processes.size, 1);
    const running = refusal(sandbox.exec('sleep 100'));
    await sleep(300);
    for (const pid of processes.values()) process.kill(pid, 'SIGKILL');
    const ended = await Array.fromAsync(sandbox.events());
    assert.deepEqual(ended.at(-1)?.reason, 'crashed');
    const { code, message } = await running;
    assert.deepEqual([code, /ended by itself/.test(message)], ['gone', true], message);
    assert.equal((await sandbox.refresh()).endReason, 'crashed');
  });

  test('private ports need a token, which code in the sandbox does not see', async () => {
    await using sandbox = await create({ template: 'node' });
    await listen(sandbox);
    const edge = new EdgeClient(server.config, `8000-${sandbox.id}`);
    const missing = await edge.ask('/', { label: '8000-saaaaaaaaaaaaaaa' });
    const refused = await edge.ask('/');
    assert.deepEqual([missing.status, refused.status], [404, 404]);
    assert.equal(missing.text.replace('saaaaaaaaaaaaaaa', sandbox.id), refused.text);
    const { token, url } = await sandbox.port(8000);
    assert.equal(new URL(url).hostname, `8000-${sandbox.id}.localhost`);
    const seen = { cookie: null, token: null };
    const byHeader = await edge.ask('/x?y=1', { headers: { 'x-thaw-token': token } });
    assert.deepEqual(byHeader.json, { ...seen, url: '/x?y=1', count: 1 });
    const byQuery = await edge.ask(`/x?thaw_token=${token}&y=1`);
    assert.deepEqual(byQuery.json, { ...seen, url: '/x?y=1', count: 2 });
    const [cookie = ''] = byQuery.headers['set-cookie'] ?? [];
    assert.match(cookie, /HttpOnly/);
    const byCookie = await edge.ask('/', { headers: { cookie: `own=1; ${cookie.split(';')[0]}` } });
    assert.deepEqual(byCookie.json, { url: '/', cookie: 'own=1', token: null, count: 3 });
    assert.equal(
      (await edge.ask('/', { label: `8001-${sandbox.id}`, headers: { 'x-thaw-token': token } })).status,
      404,
    );
    const forged = `${token.slice(0, -3)}AAA`;
    assert.equal((await edge.ask('/', { headers: { 'x-thaw-token': forged } })).status, 404);

    const { host, port } = server.config.edge;
    const socket = new WebSocket(`ws://${host}:${port}/?thaw_token=${token}`, {
      headers: { host: edge.hostHeader() },
    });
    const [message] = await once(socket, 'message');
    assert.equal(String(message), 'hello');
    const closed = once(socket, 'close');
    await sandbox.pause();
    await closed;
  });

  test('another project sees nothing of it, as if it were not there', async () => {
    await using sandbox = await create();
    await sandbox.snapshot('ours');
    await server.thaw.projects.create('other');
    const { secret } = await server.thaw.keys.create({ name: 'k', project: 'other', scopes: ['manage'] });
    const other = new Thaw({ url: server.url, apiKey: secret });
    assert.deepEqual(await other.sandboxes.list(), []);
    assert.deepEqual(
      (await other.templates.list()).map(({ name }) => name),
      ['base', 'node', 'python', 'code-interpreter'],
    );
    assert.equal((await refusal(other.sandboxes.create({ template: 'ours' }))).code, 'not_found');
    const never = 'saaaaaaaaaaaaaaa';
    const calls: [string, string, unknown?][] = [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/timeout', { ttlSeconds: 10 }],
      ['POST', '/pause'],
      ['POST', '/resume', {}],
      ['POST', '/fork', { count: 1 }],
      ['POST', '/snapshot', { name: 'x' }],
      ['POST', '/exec', { command: 'true' }],
      ['POST', '/exec?wait=true', { command: 'true' }],
      ['POST', '/ports/80/token', {}],
      ['GET', '/files?path=/etc/hosts'],
      ['PUT', '/files?path=/app/x', 'bytes'],
      ['GET', '/tree?path=/app'],
      ['GET', '/metrics'],
      ['GET', '/events'],
    ];
    for (const [method, path, body] of calls) {
      const ask = async (id: string) => {
        const answer = await fetch(`${server.url}/v1/sandboxes/${id}${path}`, {
          method,
          headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        });
        return `${answer.status} ${(await answer.text()).replaceAll(id, 'ID')}`;
      };
      const theirs = await ask(sandbox.id);
      assert.match(theirs, /^404 /, `${method} ${path}`);
      assert.equal(theirs, await ask(never), `${method} ${path}`);
    }
    assert.equal((await sandbox.exec('echo here')).stdout, 'here\n');
    await server.thaw.templates.remove('ours');
    const { entries } = { entries: await other.audit.list() };
    assert.ok(entries.length >= calls.length / 2 && entries.every((entry) => entry.project === 'other'));
  });

  test('what runs of a project is bounded, paused ones apart', async () => {
    await server.thaw.projects.create('bounded');
    await server.thaw.projects.setLimits('bounded', { instances: 2 });
    const project = 'bounded';
    const [one] = await Promise.all([create({ project }), create({ project })]);
    const over = await refusal(create({ project }));
    assert.deepEqual([over.status, over.code], [429, 'quota_exceeded']);
    assert.equal((await refusal(one.fork())).code, 'quota_exceeded');
    await one.pause();
    const third = await create({ project });
    assert.equal((await refusal(one.exec('true'))).code, 'quota_exceeded');
    await third.kill();
    assert.equal((await one.exec('echo again')).stdout, 'again\n');
  });

  test('what cannot be is refused with what can', async () => {
    const wrong: [Parameters<typeof create>[0], RegExp][] = [
      [{ ttlSeconds: 0 }, /live for 0 seconds/],
      [{ ttlSeconds: 3601 }, /live for 3601 seconds/],
      [{ memoryMiB: 500 }, /500 MiB/],
      [{ memoryMiB: 1e6 }, /MiB/],
      [{ cpus: 0 }, /0 processors/],
      [{ cpus: 64 }, /64 processors/],
      [{ environment: { 'A-B': 'x' } }, /A-B/],
      [{ metadata: { big: 'x'.repeat(40_000) } }, /too much metadata/],
      [{ egress: { allow: ['not a host'] } }, /egress rule "not a host"/],
    ];
    for (const [options, says] of wrong) {
      const { code, message } = await refusal(create(options));
      assert.equal(code, 'invalid_input', JSON.stringify(options));
      assert.match(message, says);
    }
    assert.equal((await refusal(create({ template: 'nowhere' }))).code, 'not_found');
    assert.equal((await refusal(create({ template: '../x' }))).code, 'not_found');
    assert.equal((await refusal(create({ project: 'nowhere' }))).code, 'not_found');
    assert.deepEqual(await server.thaw.sandboxes.list({ state: 'running' }), []);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`after ${signal} of the server all are there as they were`, async () => {
      const running = await create({ template: 'node', ports: 'public', environment: { KEPT: 'yes' } });
      await listen(running);
      const edge = new EdgeClient(server.config, `8000-${running.id}`);
      assert.equal((await edge.ask('/')).json.count, 1);
      const paused = await create();
      await paused.exec('echo kept > note');
      await paused.pause();
      const short = await create({ ttlSeconds: 3 });
      const idle = await create();
      assert.equal((await idle.exec('echo kept > note')).exitCode, 0);
      await server.stop(signal);
      if (signal === 'SIGKILL') {
        const vm = (await vmmProcesses(server.config.serverId)).keys();
        assert.equal([...vm].length, 3);
      }
      await sleep(3000);
      await server.start();
      assert.deepEqual((await running.refresh()).state, 'running');
      assert.equal((await edge.ask('/')).json.count, 2, 'its processes go on');
      assert.equal((await running.exec('echo $KEPT')).stdout, 'yes\n');
      assert.equal((await paused.refresh()).state, 'paused');
      assert.equal((await paused.exec('cat note')).stdout, 'kept\n');
      while ((await short.refresh()).state !== 'ended') await sleep(50);
      assert.equal(short.info.endReason, 'ttl');
      assert.deepEqual([(await idle.refresh()).state, idle.info.endReason], ['running', null]);
      assert.equal((await idle.exec('cat note')).stdout, 'kept\n');
    });
  }

  test('one whose machine is gone at a restart has ended', async () => {
    const sandbox = await create();
    await server.stop('SIGKILL');
    for (const pid of (await vmmProcesses(server.config.serverId)).values()) process.kill(pid, 'SIGKILL');
    await server.start();
    assert.deepEqual([(await sandbox.refresh()).state, sandbox.info.endReason], ['ended', 'host']);
  });
});
