import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandResult, ExecOptions, Sandbox } from '../../platform/sdk/index.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const MIB = 1024 * 1024;
const WATCH_MS = 150;

/** What greedy code does to its own machine, and what its neighbours and the server notice of it: nothing. */
describe('code that takes all it can', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let neighbour: Sandbox;

  before(async () => {
    server = stack.use(await startServer({ THAW_SLOTS_AHEAD: 4 }));
    neighbour = await server.thaw.sandboxes.create({ template: 'python', ttlSeconds: 900, ports: 'public' });
    await neighbour.exec([
      'bash',
      '-c',
      'setsid python3 -m http.server 8000 >/dev/null 2>&1 </dev/null & until (: </dev/tcp/127.0.0.1/8000) 2>/dev/null; do sleep 0.1; done',
    ]);
  });
  after(async () => {
    for (const one of await server.thaw.sandboxes.list({ state: 'running' })) await one.kill();
    await stack.disposeAsync();
  });

  /** Runs a command in a sandbox of its own, while neighbour and server are asked again and again. */
  const beside = async (
    command: string,
    options: ExecOptions = {},
  ): Promise<{ how: CommandResult; sandbox: Sandbox }> => {
    const sandbox = await server.thaw.sandboxes.create({ template: 'python', ttlSeconds: 600 });
    const over = new AbortController();
    const edge = new EdgeClient(server.config, `8000-${neighbour.id}`);
    let rounds = 0;
    const watching = (async () => {
      for (; !over.signal.aborted; rounds += 1) {
        assert.equal((await neighbour.exec('echo here')).stdout, 'here\n');
        assert.equal((await edge.ask('/')).status, 200);
        assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
        await sleep(WATCH_MS);
      }
    })();
    try {
      const how = await sandbox.exec(command, { user: 'root', timeoutSeconds: 60, ...options });
      return { how, sandbox };
    } finally {
      over.abort();
      await watching;
      assert.ok(rounds > 0);
    }
  };

  const serverMemory = async () => {
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  };

  test('processes without end: its own machine is full, and is ended as any other', async () => {
    const bomb = 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass';
    // Whether there is an answer at all is up to luck: there may be no process left to give it.
    await beside(`python3 -c '${bomb}' & sleep 4; echo over`, { timeoutSeconds: 8 }).catch(() => {});
    for (const one of await server.thaw.sandboxes.list({ state: 'running' })) {
      if (one.id !== neighbour.id) assert.equal((await one.kill()).endReason, 'killed');
    }
  });

  test('memory without end: the command is killed, the sandbox goes on', async () => {
    const { how, sandbox } = await beside('python3 -c "x = [bytearray(1 << 20) for _ in range(1 << 20)]"');
    assert.notEqual(how.exitCode, 0);
    assert.equal((await sandbox.exec('echo here')).stdout, 'here\n');
    await sandbox.kill();
  });

  test('its disk to the last byte: an error in the guest, and what was there before is whole', async () => {
    const fill = [
      'echo kept >/app/kept; sync',
      'fallocate -l $(( $(df --output=avail -B1 / | tail -1) - 4194304 )) /most',
      'dd if=/dev/zero of=/rest bs=64k',
      'echo more >/app/more',
    ].join('\n');
    const { how, sandbox } = await beside(fill);
    assert.match(how.stderr, /No space left on device/);
    const refused = await sandbox.files.write('/app/upload', new Uint8Array(MIB)).then(
      () => undefined,
      (error: Error) => error,
    );
    assert.match(String(refused?.message), /space|full/i);
    assert.equal(
      (await sandbox.exec('cat /app/kept; rm /rest /most; echo again >/app/more; cat /app/more', { user: 'root' }))
        .stdout,
      'kept\nagain\n',
    );
    await sandbox.kill();
  });

  test('output without end is cut, and said to be; the server does not keep it', async () => {
    const before = await serverMemory();
    const { how, sandbox } = await beside('yes', { timeoutSeconds: 6, maxOutputBytes: MIB });
    assert.deepEqual([how.timedOut, how.truncated, how.stdout.length], [true, true, MIB]);
    assert.ok((await serverMemory()) - before < 150 * MIB);
    await sandbox.kill();
  });

  test('one line of some megabytes comes as it is', async () => {
    const { how, sandbox } = await beside("head -c 3000000 /dev/zero | tr '\\0' x");
    assert.deepEqual([how.exitCode, how.stdout.length, how.truncated], [0, 3_000_000, false]);
    assert.match(how.stdout, /^x+$/);
    await sandbox.kill();
  });
});
