import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Sandbox } from '../../platform/sdk/index.ts';
import { THAW, thaw } from '../cli/command.ts';
import { sandboxStand } from './sandbox-stand.ts';

const TERMINAL = fileURLToPath(new URL('sandbox_shell.py', import.meta.url));

type Step = { await: string } | { type: string } | { size: [rows: number, columns: number] } | { signal: number };

interface Shown {
  shown: string;
  code: number | null;
  restored: boolean;
  failed: Step | null;
}

describe('a terminal in a sandbox, from the command line', () => {
  const stand = sandboxStand({ keep: true });
  let sandbox: Sandbox;
  let env: Record<string, string>;
  before(async () => {
    sandbox = await stand.create({ ttlSeconds: 900, environment: { A: 'set' } });
    env = { THAW_URL: stand.server.url, THAW_API_KEY: stand.server.key };
  });

  /** Runs the command in a pseudo terminal of 80 by 24. */
  const inTerminal = (args: string[], plan: Step[]) =>
    new Promise<Shown>((resolve, reject) => {
      const { PATH = '', HOME = '/' } = process.env;
      const own = { PATH, HOME, TERM: 'xterm-256color', COLORTERM: 'truecolor', ...env };
      const given = [TERMINAL, JSON.stringify(plan), THAW, 'sandbox', ...args];
      execFile('python3', given, { env: own }, (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stderr}`));
        else resolve(JSON.parse(stdout));
      });
    });
  const running = async () => (await sandbox.commands.list()).length;

  test('colours, size, keys, Ctrl-C and the exit code go through', async () => {
    const end = await inTerminal(
      ['shell', sandbox.id, '--user', 'root', '--env', 'PS1=go> ', '--', 'bash', '--norc'],
      [
        { await: 'go> ' },
        { type: 'stty size; echo $TERM $COLORTERM $A; id -un; printf "\\033[31mred\\033[0m\\n"\n' },
        { await: '24 80\r\nxterm-256color truecolor set\r\nroot\r\n\u001b[31mred\u001b[0m\r\n' },
        { await: 'go> ' },
        { size: [50, 132] },
        { type: 'trap : WINCH; until [ "$(stty size)" = "50 132" ]; do sleep 0.1; done; echo grown\n' },
        { await: '\rgrown\r\n' },
        { type: 'echo soon; sleep 1000\n' },
        { await: '\rsoon\r\n' },
        { type: '\u0003' },
        { await: 'go> ' },
        { type: 'echo after-$?\n' },
        { await: 'after-130\r\n' },
        { type: 'exit 7\n' },
      ],
    );
    assert.deepEqual([end.failed, end.code, end.restored], [null, 7, true], end.shown);
  });

  test('the shell of the image, as whoever it is; it ends with Ctrl-D', async () => {
    const end = await inTerminal(
      ['shell', sandbox.id, '--cwd', '/tmp'],
      [{ type: 'pwd; id -un; shopt login_shell\n' }, { await: '/tmp\r\napp\r\nlogin_shell' }, { type: '\u0004' }],
    );
    assert.deepEqual([end.failed, end.code, end.restored], [null, 0, true], end.shown);
  });

  test('a paused sandbox goes on for it; a program that a signal ends counts 128 more', async () => {
    await sandbox.pause();
    const end = await inTerminal(['shell', sandbox.id, '--', 'sh', '-c', 'kill -9 $$'], []);
    assert.deepEqual([end.code, end.restored], [137, true], end.shown);
  });

  test('ended by a signal it gives the terminal back, and the shell in the sandbox ends', async () => {
    for (const [number, code] of [
      [15, 143],
      [1, 129],
    ] as const) {
      const end = await inTerminal(
        ['shell', sandbox.id, '--', 'sh', '-c', 'echo begun; exec sleep 1000'],
        [{ await: 'begun\r\n' }, { signal: number }],
      );
      assert.deepEqual([end.failed, end.code, end.restored], [null, code, true], end.shown);
      for (let tries = 0; (await running()) > 0; tries += 1) assert.ok(tries < 100, 'it goes on');
    }
  });

  test('the end of the sandbox, and a server that is gone, give the terminal back', async () => {
    const other = await stand.create();
    const ending = inTerminal(['shell', other.id, '--', 'sh', '-c', 'echo begun; exec sleep 1000'], []);
    while (other.info.state === 'running' && (await other.commands.list()).length === 0);
    await other.kill();
    const end = await ending;
    assert.deepEqual([end.code, end.restored, /it was killed/.test(end.shown)], [1, true, true], end.shown);
    const broken = inTerminal(['shell', sandbox.id, '--', 'sh', '-c', 'echo begun; exec sleep 1000'], []);
    while ((await running()) === 0);
    await stand.server.stop('SIGKILL');
    const gone = await broken;
    await stand.server.start();
    assert.deepEqual([gone.code, gone.restored, /Cannot reach/.test(gone.shown)], [1, true, true], gone.shown);
    for (const { pid } of await sandbox.commands.list()) await sandbox.commands.connect(pid).kill();
  });

  test('without a terminal it says so; misuse and unknown sandboxes too', async () => {
    const none = await thaw(['sandbox', 'shell', sandbox.id], { env });
    assert.equal(none.code, 2);
    assert.match(none.stderr, /Standard input is no terminal/);
    const unknown = await inTerminal(['shell', 'saaaaaaaaaaaaaaa'], []);
    assert.deepEqual([unknown.code, unknown.restored], [1, true], unknown.shown);
    assert.match(unknown.shown, /Error:/);
  });

  test('in the background: exec, ps, attach, signal', async () => {
    const line = async (...args: string[]) => {
      const { code, stdout, stderr } = await thaw(['sandbox', ...args], { env });
      return { code, stdout: stdout.trimEnd(), stderr };
    };
    const { stdout: pid } = await line(
      'exec',
      sandbox.id,
      '-b',
      '--',
      'sh',
      '-c',
      'echo out; echo bad >&2; sleep 1000',
    );
    assert.match(pid, /^\d+$/);
    assert.match((await line('ps', sandbox.id)).stdout, new RegExp(`^PID +COMMAND\n${pid} +sh -c echo out`));
    assert.equal((await line('signal', sandbox.id, pid)).stdout, `Sent SIGTERM to ${pid}.`);
    const attached = await line('attach', sandbox.id, pid);
    assert.deepEqual(attached, { code: 143, stdout: 'out', stderr: 'bad\n' });
    assert.equal((await line('signal', sandbox.id, pid, 'SIGKILL')).stdout, `${pid} had ended.`);
    const wrong = await line('signal', sandbox.id, pid, 'SIGNOTHING');
    assert.deepEqual([wrong.code, /name of a signal/.test(wrong.stderr)], [1, true], wrong.stderr);
    assert.equal((await line('attach', sandbox.id, '999999')).code, 1);
    assert.equal(JSON.parse((await line('ps', sandbox.id, '--json')).stdout).commands.length, 0);
  });
});
