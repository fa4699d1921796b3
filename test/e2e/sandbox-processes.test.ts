import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Command, OutputEvent, Sandbox } from '../../platform/sdk/index.ts';
import { sandboxStand } from './sandbox-stand.ts';

describe('commands that go on by themselves', () => {
  const stand = sandboxStand({ keep: true });
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await stand.create({ template: 'base', ttlSeconds: 900, environment: { A: 'set' } });
  });

  /** Reads output until `enough` says so; the loop is left, the command goes on. */
  const until = async (command: Command, enough: (text: string) => boolean, from = 0) => {
    let text = '';
    let position = from;
    for await (const event of command.output({ after: from })) {
      if (event.type === 'exit') assert.fail(`it ended: ${text}`);
      text += event.data;
      position = event.position;
      if (enough(text)) break;
    }
    return { text, position };
  };

  test('output is there for those who look later, from any position; its end too', async () => {
    const command = await sandbox.commands.start(
      'echo $A $B; echo bad >&2; until [ -e go ]; do sleep 0.05; done; echo on; exit 3',
      {
        env: { B: 'too' },
        cwd: '/tmp',
      },
    );
    const first = await until(command, (text) => text.includes('set too\n') && text.includes('bad\n'));
    assert.equal(first.position, 12);
    const listed = (await sandbox.commands.list()).find(({ pid }) => pid === command.pid);
    assert.deepEqual([listed?.command.slice(0, 2), listed?.cwd], [['/bin/sh', '-c'], '/tmp']);
    await sandbox.exec('touch go', { cwd: '/tmp' });
    const again = sandbox.commands.connect(command.pid);
    const whole = { stdout: 'set too\non\n', stderr: 'bad\n', exitCode: 3, signal: null };
    assert.deepEqual(await again.wait(), { ...whole, timedOut: false, truncated: false });
    const rest = await Array.fromAsync(command.output({ after: first.position }));
    assert.deepEqual(rest, [
      { type: 'stdout', data: 'on\n', position: 15 },
      { type: 'exit', exitCode: 3, signal: null, timedOut: false, truncated: false },
    ]);
    assert.ok(!(await sandbox.commands.list()).some(({ pid }) => pid === command.pid));
  });

  test('of a large output the newest is kept, and that is told', async () => {
    const command = await sandbox.commands.start('seq 1 200000');
    let late: OutputEvent[] = [];
    do late = await Array.fromAsync(command.output());
    while (late.at(-1)?.type !== 'exit');
    const { stdout, truncated, exitCode } = await command.wait();
    assert.deepEqual([truncated, exitCode], [true, 0]);
    assert.ok(stdout.endsWith('199999\n200000\n') && stdout.length > 200_000 && stdout.length <= 256 * 1024);
  });

  test('bytes stay what they are', async () => {
    const command = await sandbox.commands.start(['printf', '\\000\\377\\303\\237']);
    const pieces: Uint8Array[] = [];
    for await (const event of command.outputBytes()) if (event.type !== 'exit') pieces.push(event.data);
    assert.deepEqual(Buffer.concat(pieces), Buffer.from([0, 255, 0xc3, 0x9f]));
  });

  test('input stays in order, whoever waits for it or not, and ends', async () => {
    const command = await sandbox.commands.start('cat; echo end', { stdin: true });
    const numbers = Array.from({ length: 200 }, (_, at) => `${at}\n`);
    const written = numbers.map((text) => command.write(text));
    const large = 'x'.repeat(700_000);
    await command.write(large);
    await Promise.all(written);
    await command.write(new Uint8Array([10]));
    await command.closeStdin();
    const { stdout, truncated } = await command.wait();
    // The whole was more than what is kept; its end shows the order.
    assert.ok(stdout.endsWith(`${'x'.repeat(1000)}\nend\n`) && truncated, stdout.slice(-100));
    const small = await sandbox.commands.start('cat', { stdin: true });
    for (const text of numbers) void small.write(text);
    await small.closeStdin();
    assert.equal((await small.wait()).stdout, numbers.join(''));
    assert.deepEqual((await stand.refusal(small.write('late'))).code, 'not_found');
    const without = await sandbox.commands.start('sleep 1000');
    assert.equal((await stand.refusal(without.write('x'))).status, 422);
    assert.equal((await stand.refusal(without.resize({ cols: 1, rows: 1 }))).status, 422);
    assert.equal(await without.kill(), true);
  });

  test('a signal reaches the whole group, SIGKILL all that was started', async () => {
    const family = 'echo $$; (trap "" INT; sleep 1000; echo never) & sleep 1000 & wait';
    const one = await sandbox.commands.start(`trap 'echo caught; exit 5' INT; ${family}`);
    await until(one, (text) => text.endsWith('\n'));
    assert.equal(await one.kill('SIGINT'), true);
    const { exitCode, stdout } = await one.wait();
    assert.deepEqual([exitCode, stdout.split('\n')[1]], [5, 'caught']);
    const other = await sandbox.commands.start(`setsid sleep 1234 & ${family}`);
    await until(other, (text) => text.endsWith('\n'));
    assert.equal(await other.kill(), true);
    assert.deepEqual((await other.wait()).signal, 'SIGKILL');
    assert.equal(await other.kill(), false);
    assert.equal((await sandbox.exec('pgrep -f "sleep 1000"')).stdout.split('\n').length <= 2, true);
  });

  test('a time limit ends it, a program that is not there is refused', async () => {
    const command = await sandbox.commands.start('sleep 1000', { timeoutSeconds: 1 });
    assert.deepEqual(await command.wait(), {
      ...{ stdout: '', stderr: '', exitCode: null, signal: 'SIGKILL', timedOut: true, truncated: false },
    });
    const { status, message } = await stand.refusal(sandbox.commands.start(['/nowhere/program']));
    assert.equal(status, 422);
    assert.match(message, /could not be started/);
  });

  test('a terminal has a size, changes it, and takes keys', async () => {
    const command = await sandbox.commands.start(['/bin/bash', '--norc'], {
      terminal: { cols: 91, rows: 23 },
      env: { TERM: 'xterm-256color', PS1: '> ' },
      user: 'root',
    });
    await command.write('stty size; id -un; echo $TERM; tty\n');
    const { position } = await until(command, (text) => text.includes('/dev/pts/'));
    const { text } = await until(command, (all) => all.includes('/dev/pts/'));
    assert.match(text, /23 91\r\nroot\r\nxterm-256color\r\n/);
    await command.resize({ cols: 120, rows: 40 });
    await command.write('stty size\n');
    await until(command, (all) => all.includes('40 120\r\n'), position);
    await command.write('echo soon; sleep 1000\n');
    await until(command, (all) => all.includes('\rsoon\r\n'), position);
    await command.write('\x03');
    await command.write('echo after-$?\n');
    await until(command, (all) => all.includes('after-130'), position);
    await command.write('exit 7\n');
    assert.equal((await command.wait()).exitCode, 7);
  });

  test('goes on over a pause and in a fork', async () => {
    const command = await sandbox.commands.start('i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done');
    const { position } = await until(command, (text) => text.includes('2\n'));
    await sandbox.pause();
    await until(command, (text) => text.includes('\n'), position);
    const [copy] = await sandbox.fork();
    assert.ok(copy);
    await until(copy.commands.connect(command.pid), (text) => text.includes('\n'), position);
    await copy.kill();
    assert.equal(await command.kill('SIGTERM'), true);
    assert.equal((await command.wait()).signal, 'SIGTERM');
  });

  test('output goes on where it was when the server comes back', async () => {
    const command = await sandbox.commands.start('i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.1; done');
    let text = '';
    let restarted: Promise<void> | undefined;
    for await (const event of command.output()) {
      if (event.type !== 'exit') text += event.data;
      if (text.includes('\n3\n')) restarted ??= stand.server.stop().then(() => stand.server.start());
    }
    await restarted;
    assert.equal(text, Array.from({ length: 30 }, (_, at) => `${at}\n`).join(''));
  });

  test('what is not there, not theirs or wrong is refused', async () => {
    const { thaw, url } = stand.server;
    const code = async (promise: Promise<unknown>) => (await stand.refusal(promise)).code;
    const unknown = sandbox.commands.connect(999_999);
    assert.equal(await code(unknown.wait()), 'not_found');
    assert.equal(await unknown.kill(), false);
    assert.equal(await code(unknown.write('x')), 'not_found');
    await thaw.projects.create('theirs');
    const { secret: key } = await thaw.keys.create({ name: 'x', project: 'theirs', scopes: ['deploy'] });
    const call = async (method: string, path: string, json?: unknown, body?: string) => {
      const answer = await fetch(`${url}/v1/sandboxes/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
      });
      return { status: answer.status, text: await answer.text() };
    };
    const same = async (method: string, path: string, json?: unknown, body?: string) => {
      const theirs = await call(method, `${sandbox.id}/${path}`, json, body);
      const missing = await call(method, `saaaaaaaaaaaaaaa/${path}`, json, body);
      assert.equal(theirs.status, 404, theirs.text);
      assert.equal(theirs.text.replaceAll(sandbox.id, 'ID'), missing.text.replaceAll('saaaaaaaaaaaaaaa', 'ID'));
    };
    await same('POST', 'commands', { command: 'true' });
    await same('GET', 'commands');
    await same('GET', 'commands/1/output');
    await same('POST', 'commands/1/stdin', undefined, 'x');
    await same('POST', 'commands/1/signal', { signal: 'SIGTERM' });
    await same('POST', 'commands/1/resize', { cols: 1, rows: 1 });
    await same('POST', 'code', { code: '1' });
    await same('GET', 'files/stat?path=/');
    await same('GET', 'files/list?path=/');
    await same('GET', 'files/watch?path=/');
    await same('POST', 'files/directories', { path: '/x' });
    await same('POST', 'files/move', { from: '/x', to: '/y' });
    await same('DELETE', 'files?path=/x');
  });
});
