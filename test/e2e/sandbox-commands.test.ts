import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended, start, thaw } from '../cli/command.ts';
import { temporaryDirectory } from '../fixtures/control.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

describe('sandboxes on the command line', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let env: Record<string, string>;

  before(async () => {
    server = stack.use(await startServer());
    stack.defer(async () => {
      for (const one of await server.thaw.sandboxes.list()) await one.kill();
    });
    env = { THAW_URL: server.url, THAW_API_KEY: server.key };
  });
  after(() => stack.disposeAsync());

  const run = (...args: string[]) => thaw(args, { env });
  const line = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    return stdout.trimEnd();
  };
  const json = async (...args: string[]) => JSON.parse(await line(...args, '--json'));

  test('create, list, exec, pause, resume, fork, snapshot, kill', async () => {
    const id = await line('sandbox', 'create', '--ttl', '10m', '--env', 'A=one', '--meta', 'of=cli');
    assert.match(id, /^s[a-z2-7]{15}$/);
    assert.match(await line('sandbox', 'list'), new RegExp(`^SANDBOX +TEMPLATE .*\n${id} +base +running +512 MiB`));
    const shell = await run(
      'sandbox',
      'exec',
      id,
      '--env',
      'B=two',
      '--',
      'sh',
      '-c',
      'echo $A $B; echo bad >&2; exit 7',
    );
    assert.deepEqual([shell.code, shell.stdout, shell.stderr], [7, 'one two\n', 'bad\n']);
    const whole = await run('sandbox', 'exec', id, '--json', '--', 'sh', '-c', 'echo out; exit 4');
    assert.equal(whole.code, 4);
    assert.deepEqual(JSON.parse(whole.stdout), {
      ...{ stdout: 'out\n', stderr: '', exitCode: 4, signal: null, timedOut: false, truncated: false },
    });
    assert.equal((await run('sandbox', 'exec', id, '--timeout', '1s', '--', 'sleep', '100')).code, 124);
    assert.equal((await run('sandbox', 'exec', id, '--', 'sh', '-c', 'kill -9 $$')).code, 137);
    assert.match(await line('sandbox', 'pause', id), /is paused/);
    assert.equal((await json('sandbox', 'list', '--state', 'paused')).sandboxes[0].id, id);
    assert.match(await line('sandbox', 'resume', id), /runs/);
    const copies = (await line('sandbox', 'fork', id, '--count', '2')).split('\n');
    assert.equal(copies.length, 2);
    assert.equal(await line('sandbox', 'snapshot', id, 'from-cli'), 'from-cli:1');
    assert.match(await line('template', 'list'), /\nfrom-cli +1 +512 MiB +\d+ MiB/);
    const made = (await json('sandbox', 'create', 'from-cli', '--meta', 'of=cli')).sandbox;
    assert.equal(made.template, 'from-cli:1');
    const all = [id, ...copies, made.id];
    assert.equal((await json('sandbox', 'list', '--meta', 'of=cli')).sandboxes.length, 4);
    assert.match(await line('sandbox', 'timeout', id, '1h'), /lives until/);
    assert.equal((await line('sandbox', 'kill', ...all)).split('\n').length, 4);
    assert.equal(await line('template', 'rm', 'from-cli'), 'Removed from-cli:1.');
    const over = await run('sandbox', 'exec', id, '--', 'true');
    assert.deepEqual([over.code, /it was killed/.test(over.stderr)], [1, true]);
    assert.match(await line('sandbox', 'list', '--all'), /ended \(killed\)/);
  });

  test('run: a sandbox for one command, gone afterwards; the exit code is passed on', async () => {
    const { code, stdout } = await run('run', '--env', 'WHO=world', '--', 'sh', '-c', 'echo hello $WHO; exit 5');
    assert.deepEqual([code, stdout], [5, 'hello world\n']);
    const bytes = await run('run', '--template', 'node', '--', 'node', '-e', 'process.stdout.write("a\\u00df\\n")');
    assert.deepEqual([bytes.code, bytes.stdout], [0, 'aß\n']);
    assert.deepEqual(await server.thaw.sandboxes.list({ state: 'running' }), []);
  });

  test('run: Ctrl-C ends the sandbox too', async () => {
    const command = start(['run', '--', 'sh', '-c', 'echo begun; sleep 1000'], { env });
    await once(command.stdout, 'readable');
    const closed = ended(command);
    command.kill('SIGINT');
    assert.equal((await closed).code, 130);
    for (let tries = 0; (await server.thaw.sandboxes.list({ state: 'running' })).length > 0; tries += 1) {
      assert.ok(tries < 50);
      await sleep(100);
    }
  });

  test('misuse is said', async () => {
    const wrong: [string[], RegExp][] = [
      [['sandbox', 'create', '--ttl', 'long'], /90s, 15m or 2h/],
      [['sandbox', 'create', '--env', 'A'], /--env takes is written name=value/],
      [['sandbox', 'create', '--memory', 'much'], /number/],
      [['sandbox', 'exec'], /missing required argument/],
      [['run'], /missing required argument/],
    ];
    for (const [args, says] of wrong) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
    }
    const unknown = await run('sandbox', 'kill', 'saaaaaaaaaaaaaaa', '--json');
    assert.equal(unknown.code, 1);
    assert.equal(JSON.parse(unknown.stdout).error.code, 'not_found');
  });

  test('cp, port, egress, logs', async () => {
    await using directory = await temporaryDirectory();
    const id = await line('sandbox', 'create');
    const here = join(directory.path, 'bytes');
    const content = randomBytes(3_000_000);
    await writeFile(here, content, { mode: 0o700 });
    assert.equal(await line('sandbox', 'cp', here, `${id}:/app/`), '/app/bytes');
    assert.match(await line('sandbox', 'exec', id, '--', 'stat', '-c', '%a %s', '/app/bytes'), /^700 3000000$/);
    await rm(here);
    await line('sandbox', 'cp', `${id}:/app/bytes`, directory.path);
    assert.deepEqual(await readFile(here), content);
    const missing = await run('sandbox', 'cp', `${id}:/app/nothing`, directory.path);
    assert.deepEqual([missing.code, /There is no file/.test(missing.stderr)], [1, true], missing.stderr);
    assert.deepEqual(await readdir(directory.path), ['bytes']);
    assert.equal((await run('sandbox', 'cp', here, directory.path)).code, 2);
    assert.match(await line('sandbox', 'port', id, '3000'), new RegExp(`^http://3000-${id}\\..*\nx-thaw-token: \\S+$`));
    assert.match(await line('sandbox', 'egress', id, 'example.com', 'github'), /may reach example.com, github/);
    const wrong = await run('sandbox', 'egress', id, '169.254.169.254');
    assert.deepEqual([wrong.code, /169\.254\.169\.254/.test(wrong.stderr)], [1, true], wrong.stderr);
    await run('sandbox', 'exec', id, '--', 'getent', 'hosts', 'elsewhere.test');
    for (let tries = 0; tries < 50 && !/elsewhere\.test/.test(await line('sandbox', 'logs', id)); tries += 1)
      await sleep(100);
    assert.match(await line('sandbox', 'logs', id), /refused .*elsewhere\.test/);
  });
});
