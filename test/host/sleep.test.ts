import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, openTestHost, shell, type TestHost } from '../fixtures/host.ts';

describe('a VM that sleeps', () => {
  let at: TestHost;
  before(async () => {
    at = await openTestHost();
    await at.scripted();
  });
  after(() => at[Symbol.asyncDispose]());

  it('has no process, and goes on with its memory, its files, its identity and the time of now', async () => {
    const vm = await at.thaw({ memory: 'own' });
    await ask(vm, 'kept.count = 41; kept.random = Math.random()');
    await shell(at.host, vm.id, 'echo written > /app/file; sync');
    const who = () => shell(at.host, vm.id, 'cat /etc/hostname /etc/machine-id /proc/sys/kernel/random/boot_id');
    const before = await who();
    const random = await shell(at.host, vm.id, 'head -c 16 /dev/urandom | od -An -tx1');

    await at.host.sleep(vm.id);
    await at.host.sleep(vm.id);
    assert.deepEqual((await at.held()).processes, []);
    assert.deepEqual(
      at.host.list().map(({ id, asleep }) => ({ id, asleep })),
      [{ id: vm.id, asleep: true }],
    );
    await assert.rejects(async () => shell(at.host, vm.id, 'true'), { code: 'conflict' });
    await sleep(1500);

    const [woken] = await Promise.all([at.host.wake(vm.id), at.host.wake(vm.id)]);
    assert.equal(woken.address, vm.address);
    assert.equal(await ask(woken, 'return ++kept.count'), 42);
    assert.equal(await shell(at.host, vm.id, 'cat /app/file'), 'written');
    assert.equal(await who(), before);
    assert.notEqual(await shell(at.host, vm.id, 'head -c 16 /dev/urandom | od -An -tx1'), random);
    assert.ok(Math.abs((await ask<number>(woken, 'return Date.now()')) - Date.now()) < 500);
    await at.host.end(vm.id);
  });

  it('keeps its TCP connections, and gets what was sent while it slept', async () => {
    const vm = await at.thaw({ memory: 'own' });
    await ask(
      vm,
      `kept.server = require('node:net').createServer((socket) => socket.on('data', (data) => socket.write('heard ' + data))).listen(9000);
       await new Promise((resolve) => kept.server.once('listening', resolve));`,
    );
    const client = connect(9000, vm.address);
    client.setEncoding('utf8');
    await once(client, 'connect');
    client.write('one');
    assert.equal((await once(client, 'data'))[0], 'heard one');
    for (let round = 0; round < 3; round += 1) {
      await at.host.sleep(vm.id);
      client.write(`round ${round}`);
      await sleep(300);
      // The answer may be here before the VM is told to be awake.
      const [[heard]] = await Promise.all([once(client, 'data'), at.host.wake(vm.id)]);
      assert.equal(heard, `heard round ${round}`);
    }
    client.destroy();
    await at.host.end(vm.id);
  });

  it('is still there after a restart of the server, and can be ended without being woken', async () => {
    const one = await at.thaw({ memory: 'own' });
    const other = await at.thaw({ memory: 'own' });
    await ask(one, 'kept.here = "yes"');
    await at.host.sleep(one.id);
    await at.host.sleep(other.id);
    await at.reopen();
    assert.deepEqual(
      at.host.list().map(({ asleep }) => asleep),
      [true, true],
    );
    await at.host.end(other.id);
    assert.equal(at.host.get(other.id), undefined);
    await at.host.wake(one.id);
    assert.equal(await ask(one, 'return kept.here'), 'yes');
    await at.host.end(one.id);
    assert.deepEqual((await at.held()).files, []);
  });

  it('needs memory of its own', async () => {
    const clone = await at.thaw();
    await assert.rejects(at.host.sleep(clone.id), { code: 'conflict' });
    await at.host.end(clone.id);
    await assert.rejects(at.host.wake(clone.id), { code: 'not_found' });
  });

  it('has ended when its snapshot cannot be loaded', async () => {
    const vm = await at.thaw({ memory: 'own' });
    await at.host.sleep(vm.id);
    const { truncate } = await import('node:fs/promises');
    await truncate(`${at.config.data}/vms/${vm.id}/sleep-state`, 100);
    await assert.rejects(at.host.wake(vm.id), { code: 'thaw_failed' });
    assert.equal(at.host.get(vm.id), undefined);
    assert.deepEqual((await at.held()).files, []);
  });
});
