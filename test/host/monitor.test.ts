import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { QEMU_BINARY } from '../../platform/host/vmm/qemu/driver.ts';
import { Monitor } from '../../platform/host/vmm/qemu/monitor.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

/** A QEMU without a guest: its processors are never started. */
async function startQemu() {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const path = join(directory.path, 'monitor.sock');
  const args = ['-M', 'none', '-S', '-nodefaults', '-display', 'none', '-qmp', `unix:${path},server=on,wait=off`];
  const child: ChildProcess = spawn(QEMU_BINARY, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const monitor = stack.use(await Monitor.open(path, ended));
  const all = stack.move();
  return { child, ended, monitor, path, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

describe('the monitor of a QEMU', () => {
  it('answers commands in any number at once, each with its own answer', async () => {
    await using qemu = await startQemu();
    const [version, status, ...names] = await Promise.all([
      qemu.monitor.execute('query-version'),
      qemu.monitor.execute('query-status'),
      ...Array.from({ length: 20 }, () => qemu.monitor.execute('query-name')),
    ]);
    assert.ok((version as { qemu: { major: number } }).qemu.major >= 7);
    assert.equal((status as { running: boolean }).running, false);
    assert.equal(names.length, 20);
  });

  it('tells QEMU’s own words when it refuses', async () => {
    await using qemu = await startQemu();
    await assert.rejects(qemu.monitor.execute('no-such-command'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'thaw_failed');
      assert.match(String((error.cause as Error).message), /CommandNotFound/);
      return true;
    });
    assert.ok(await qemu.monitor.execute('query-status'), 'it goes on');
  });

  it('tells events to those who listen', async () => {
    await using qemu = await startQemu();
    const seen: string[] = [];
    const stop = qemu.monitor.onEvent((name) => seen.push(name));
    await qemu.monitor.execute('cont');
    await qemu.monitor.execute('stop');
    assert.deepEqual(seen, ['RESUME', 'STOP']);
    stop();
    await qemu.monitor.execute('cont');
    assert.equal(seen.length, 2);
  });

  it('fails what is under way when QEMU dies, and what comes after', async () => {
    await using qemu = await startQemu();
    qemu.child.kill('SIGSTOP');
    const waiting = qemu.monitor.execute('query-status');
    qemu.child.kill('SIGKILL');
    await assert.rejects(waiting, { code: 'thaw_failed' });
    await qemu.monitor.closed;
    await assert.rejects(qemu.monitor.execute('query-status'), { code: 'thaw_failed' });
  });

  it('is not waited for once the process is gone, or the signal has fired', async () => {
    await using directory = await temporaryDirectory();
    const nowhere = join(directory.path, 'none.sock');
    await assert.rejects(Monitor.open(nowhere, Promise.resolve()), { code: 'thaw_failed' });
    const never = new Promise(() => {});
    await assert.rejects(Monitor.open(nowhere, never, AbortSignal.timeout(20)), { name: 'TimeoutError' });
    await using qemu = await startQemu();
    // QEMU has one monitor, which is taken: a second connection is accepted and left without a word.
    await assert.rejects(Monitor.open(qemu.path, never, AbortSignal.timeout(50)), { name: 'TimeoutError' });
  });

  it('is given up when what it says is no message', async () => {
    for (const said of ['not json\n', '[1]\n', '{"id":"one","return":{}}\n', `{"${'x'.repeat(2 * 1024 * 1024)}`]) {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, 'monitor.sock');
      const server = createServer((socket) => {
        socket.on('error', () => {}).resume();
        socket.write(said);
      }).listen(path);
      await once(server, 'listening');
      await assert.rejects(Monitor.open(path, new Promise(() => {})), { code: 'thaw_failed' });
      server.close();
      await once(server, 'close');
    }
  });
});
