import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Thaw } from '../../platform/sdk/index.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { sandboxStand } from './sandbox-stand.ts';

describe('sandboxes', () => {
  const at = sandboxStand();
  const { create, refusal, listen } = at;

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
      const found = await at.server.thaw.sandboxes.list({ metadata: { user: 'ada' }, state: 'running' });
      assert.deepEqual(
        found.map((one) => one.id),
        [id],
      );
      assert.deepEqual(await at.server.thaw.sandboxes.list({ metadata: { user: 'bob' } }), []);
      const [sample] = await sandbox.usage();
      assert.ok(sample !== undefined && sample.memoryBytes > 20e6, JSON.stringify(sample));
    }
    const { info } = await at.server.thaw.sandboxes.get(id);
    assert.deepEqual([info.state, info.endReason, info.endsAt], ['ended', 'killed', null]);
    assert.ok(info.endedAt);
    const gone = await refusal((await at.server.thaw.sandboxes.get(id)).exec('true'));
    assert.deepEqual([gone.status, gone.code], [410, 'gone']);
    assert.match(gone.message, /it was killed/);
    assert.equal((await at.server.thaw.sandboxes.get(id)).info.endReason, 'killed');
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

  test('private ports need a token, which code in the sandbox does not see', async () => {
    await using sandbox = await create({ template: 'node' });
    await listen(sandbox);
    const edge = new EdgeClient(at.server.config, `8000-${sandbox.id}`);
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

    const { host, port } = at.server.config.edge;
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
    await at.server.thaw.projects.create('other');
    const { secret } = await at.server.thaw.keys.create({ name: 'k', project: 'other', scopes: ['manage'] });
    const other = new Thaw({ url: at.server.url, apiKey: secret });
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
        const answer = await fetch(`${at.server.url}/v1/sandboxes/${id}${path}`, {
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
    await at.server.thaw.templates.remove('ours');
    const { entries } = { entries: await other.audit.list() };
    assert.ok(entries.length >= calls.length / 2 && entries.every((entry) => entry.project === 'other'));
  });

  test('what runs of a project is bounded, paused ones apart', async () => {
    await at.server.thaw.projects.create('bounded');
    await at.server.thaw.projects.setLimits('bounded', { instances: 2 });
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
    assert.deepEqual(await at.server.thaw.sandboxes.list({ state: 'running' }), []);
  });
});
