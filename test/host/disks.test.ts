import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskMount, Vm } from '../../platform/host/contract.ts';
import { ask, openTestHost, shell, type TestHost } from '../fixtures/host.ts';

const MIB = 1024 * 1024;

describe('a disk', () => {
  let at: TestHost;
  before(async () => {
    at = await openTestHost();
    await at.scripted();
  });
  after(() => at[Symbol.asyncDispose]());

  const empty = (sizeBytes = 64 * MIB) => at.host.createDisk({ sizeBytes, labels: {} });
  const thaw = async (disks: DiskMount[], memory: 'clone' | 'own' = 'clone') =>
    at.host.thaw({ template: (await at.scripted()).id, labels: { a: 'b' }, egress: { mode: 'none' }, memory, disks });
  const write = (vm: Vm, path: string, text: string) =>
    ask(vm, `require('node:fs').writeFileSync('${path}', '${text}')`);
  const read = (vm: Vm, path: string) => ask(vm, `return require('node:fs').readFileSync('${path}', 'utf8')`);
  const remove = async (...disks: { id: string }[]) => {
    for (const { id } of disks) await at.host.removeDisk(id);
  };

  it('is mounted before the thaw is over, belongs to the user of the code, and keeps what is written', async () => {
    const [one, other] = [await empty(), await empty()];
    const vm = await thaw([
      { disk: one.id, path: '/data' },
      { disk: other.id, path: '/srv/deep/down', owner: 'user' },
    ]);
    assert.deepEqual(
      vm.disks?.map(({ disk, path }) => ({ disk, path })),
      [
        { disk: one.id, path: '/data' },
        { disk: other.id, path: '/srv/deep/down' },
      ],
    );
    await write(vm, '/data/note', 'kept');
    const look = "findmnt -no FSTYPE,OPTIONS /data; stat -c '%U' /data /srv/deep/down; ls -A /srv/deep/down";
    assert.match(await shell(at.host, vm.id, look), /^ext4 +rw,nosuid,nodev,noatime,.*\napp\nuser$/);
    assert.equal((await at.host.getDisk(one.id))?.holder, vm.id);
    await at.host.end(vm.id);
    assert.equal((await at.host.getDisk(one.id))?.holder, null);

    const next = await thaw([{ disk: one.id, path: '/elsewhere', readOnly: true }]);
    assert.equal(await read(next, '/elsewhere/note'), 'kept', 'written without a sync, and not lost with the VM');
    await assert.rejects(write(next, '/elsewhere/note', 'changed'), /EROFS/);
    await at.host.end(next.id);
    await remove(one, other);
    assert.deepEqual(await at.host.disks(), []);
  });

  it('is in one VM at a time, and is not removed while it is', async () => {
    const disk = await empty();
    const [won, lost] = await Promise.allSettled([
      thaw([{ disk: disk.id, path: '/data' }]),
      thaw([{ disk: disk.id, path: '/data' }]),
    ]).then((both) => [
      both.find(({ status }) => status === 'fulfilled'),
      both.find(({ status }) => status === 'rejected'),
    ]);
    assert.ok(won?.status === 'fulfilled' && lost?.status === 'rejected');
    assert.equal(lost.reason.code, 'conflict');
    await assert.rejects(at.host.removeDisk(disk.id), { code: 'conflict' });
    await assert.rejects(Array.fromAsync(at.host.exportDisk(disk.id)), { code: 'conflict' });
    await at.host.end(won.value.id);
    await remove(disk);
    await assert.rejects(thaw([{ disk: disk.id, path: '/data' }]), { code: 'not_found' });
    for (const path of ['data', '/', '/a/../b', '/proc/x', '/data/']) {
      const other = await empty();
      await assert.rejects(thaw([{ disk: other.id, path }]), { code: 'invalid_input' }, path);
      await remove(other);
    }
    assert.deepEqual((await at.held()).files, []);
  });

  it('that is full is an error inside, and goes on when there is room again', async () => {
    const disk = await empty(32 * MIB);
    const vm = await thaw([{ disk: disk.id, path: '/data' }]);
    await write(vm, '/data/note', 'kept');
    const fill = 'dd if=/dev/zero of=/data/fill bs=64k 2>&1; sync; df --output=avail /data';
    assert.match(await shell(at.host, vm.id, fill), /No space left on device[\s\S]*\n *\d$/);
    await assert.rejects(write(vm, '/data/more', 'x'.repeat(9000)), /ENOSPC/);
    assert.equal(await read(vm, '/data/note'), 'kept');
    await shell(at.host, vm.id, 'rm /data/fill /data/more; sync');
    await write(vm, '/data/more', 'again');
    await at.host.end(vm.id);
    const next = await thaw([{ disk: disk.id, path: '/data' }]);
    assert.deepEqual([await read(next, '/data/note'), await read(next, '/data/more')], ['kept', 'again']);
    await at.host.end(next.id);
    await remove(disk);
  });

  it('grows in a VM that runs, in one that sleeps, and while nobody has it', async () => {
    const disk = await empty(32 * MIB);
    const total = async (vm: Vm) =>
      Number(await shell(at.host, vm.id, 'df -BM --output=size /data | tail -1 | tr -d M'));
    const vm = await thaw([{ disk: disk.id, path: '/data' }], 'own');
    await write(vm, '/data/note', 'kept');
    await at.host.growDisk(disk.id, 128 * MIB);
    assert.ok((await total(vm)) > 100, 'in a VM that runs');
    await shell(at.host, vm.id, 'dd if=/dev/urandom of=/data/big bs=1M count=90; sync');
    await at.host.sleep(vm.id);
    assert.equal((await at.host.growDisk(disk.id, 256 * MIB)).sizeBytes, 256 * MIB);
    await at.host.wake(vm.id);
    assert.ok((await total(vm)) > 220, 'in a VM that slept');
    await at.host.end(vm.id);
    await at.host.growDisk(disk.id, 512 * MIB);
    const next = await thaw([{ disk: disk.id, path: '/data' }]);
    assert.ok((await total(next)) > 450, 'while nobody had it');
    assert.equal(await read(next, '/data/note'), 'kept');
    await assert.rejects(at.host.growDisk(disk.id, 32 * MIB), { code: 'invalid_input' });
    await at.host.end(next.id);
    await remove(disk);
  });

  it('is copied from a VM that goes on, with all that it had written, and a fork gets copies of its own', async () => {
    const disk = await empty();
    const vm = await thaw([{ disk: disk.id, path: '/data' }], 'own');
    await write(vm, '/data/note', 'first');
    const copy = await at.host.createDisk({ sizeBytes: 128 * MIB, labels: { of: 'test' }, from: { disk: disk.id } });
    const forked = await at.host.fork(vm.id, { fork: 'yes' });
    await write(vm, '/data/note', 'second');

    const [forkedDisk] = forked.disks ?? [];
    assert.ok(forkedDisk && forkedDisk.disk !== disk.id && forkedDisk.path === '/data');
    assert.equal(await read(forked, '/data/note'), 'first');
    await write(forked, '/data/note', 'third');
    assert.equal(await read(vm, '/data/note'), 'second');
    const info = await at.host.getDisk(forkedDisk.disk);
    assert.deepEqual([info?.holder, info?.labels], [forked.id, { fork: 'yes' }]);

    const other = await thaw([{ disk: copy.id, path: '/data' }]);
    assert.equal(await read(other, '/data/note'), 'first');
    assert.ok(Number(await shell(at.host, other.id, 'df -BM --output=size /data | tail -1 | tr -d M')) > 100);
    for (const { id } of [vm, forked, other]) await at.host.end(id);
    await remove(disk, copy, { id: forkedDisk.disk });
  });

  it('stays with a VM that sleeps, whose snapshot is void once the disk went on without it', async () => {
    const disk = await empty();
    const vm = await thaw([{ disk: disk.id, path: '/data' }], 'own');
    await ask(
      vm,
      `kept.file = require('node:fs').openSync('/data/open', 'a'); require('node:fs').writeSync(kept.file, 'one ')`,
    );
    await at.host.sleep(vm.id);
    await assert.rejects(thaw([{ disk: disk.id, path: '/data' }]), { code: 'conflict' });
    await at.reopen();
    assert.equal((await at.host.getDisk(disk.id))?.holder, vm.id);
    await at.host.wake(vm.id);
    await ask(vm, `require('node:fs').writeSync(kept.file, 'two')`);
    assert.equal(await read(vm, '/data/open'), 'one two');

    await at.host.sleep(vm.id);
    const record = join(at.config.data, 'disks', disk.id, 'disk.json');
    const told = JSON.parse(await readFile(record, 'utf8'));
    await at.host[Symbol.asyncDispose]();
    await writeFile(record, JSON.stringify({ ...told, generation: told.generation + 1 }));
    await at.reopen();
    await assert.rejects(at.host.wake(vm.id), { code: 'conflict', message: /void/ });
    assert.equal(at.host.get(vm.id), undefined);
    const next = await thaw([{ disk: disk.id, path: '/data' }]);
    assert.equal(await read(next, '/data/open'), 'one two');
    await at.host.end(next.id);
    await remove(disk);
  });

  it('is in a template as it was when its VM was frozen; each VM of it has a copy of its own', async () => {
    const disk = await empty();
    const vm = await thaw([{ disk: disk.id, path: '/data' }], 'own');
    await write(vm, '/data/note', 'frozen');
    await ask(vm, `kept.file = require('node:fs').openSync('/data/open', 'a')`);
    await assert.rejects(at.host.snapshot(vm.id, {}), { code: 'conflict' });
    const template = await at.host.freeze(vm.id, { labels: { made: 'with a disk' } });
    assert.equal((await at.host.getDisk(disk.id))?.holder, null, 'its own is left');
    const after = await thaw([{ disk: disk.id, path: '/data' }]);
    await write(after, '/data/note', 'changed');
    await at.host.end(after.id);

    await at.reopen();
    const request = { template: template.id, egress: { mode: 'none' as const }, memory: 'own' as const };
    await assert.rejects(at.host.thaw({ ...request, labels: {}, memory: 'clone' }), { code: 'conflict' });
    const more = [{ disk: disk.id, path: '/more' }];
    await assert.rejects(at.host.thaw({ ...request, labels: {}, disks: more }), { code: 'conflict' });
    const copies = await Promise.all(['a', 'b'].map((name) => at.host.thaw({ ...request, labels: { name } })));
    for (const [index, copy] of copies.entries()) {
      assert.equal(await read(copy, '/data/note'), 'frozen');
      await ask(copy, `require('node:fs').writeSync(kept.file, 'by ${index}')`);
      const [held] = copy.disks ?? [];
      assert.ok(held && held.disk !== disk.id && held.path === '/data');
      const { holder, labels } = (await at.host.getDisk(held.disk)) ?? {};
      assert.deepEqual([holder, labels], [copy.id, copy.labels]);
    }
    const [first, second] = copies.map((copy) => copy.disks?.[0]?.disk ?? '') as [string, string];
    await at.host.growDisk(first, 128 * MIB);
    for (const [index, copy] of copies.entries()) {
      assert.equal(await read(copy, '/data/open'), `by ${index}`);
      await at.host.end(copy.id);
    }
    await at.host.removeTemplate(template.id);
    await remove(disk, { id: first }, { id: second });
    assert.deepEqual(await at.host.disks(), []);
  });

  it('is exported and imported, packed', async () => {
    const disk = await empty(256 * MIB);
    const vm = await thaw([{ disk: disk.id, path: '/data' }]);
    await write(vm, '/data/note', 'kept');
    await at.host.end(vm.id);
    const chunks = await Array.fromAsync(at.host.exportDisk(disk.id));
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    assert.ok(bytes < 2 * MIB, `${bytes} bytes of an almost empty disk`);
    const give = async function* () {
      yield* chunks;
    };
    const back = await at.host.importDisk({ labels: {}, mostBytes: 256 * MIB }, give());
    assert.equal(back.sizeBytes, disk.sizeBytes);
    assert.ok(back.usedBytes < 64 * MIB, `${back.usedBytes} bytes used`);
    const next = await thaw([{ disk: back.id, path: '/data' }]);
    assert.equal(await read(next, '/data/note'), 'kept');
    await at.host.end(next.id);

    await assert.rejects(at.host.importDisk({ labels: {}, mostBytes: 255 * MIB }, give()), { code: 'too_large' });
    const broken = async function* () {
      yield* chunks.slice(0, 2);
      yield new Uint8Array(100);
    };
    await assert.rejects(at.host.importDisk({ labels: {}, mostBytes: 256 * MIB }, broken()), { code: 'invalid_input' });
    const short = async function* () {
      yield* chunks.slice(0, 2);
    };
    await assert.rejects(at.host.importDisk({ labels: {}, mostBytes: 256 * MIB }, short()), { code: 'invalid_input' });
    assert.equal((await at.host.disks()).length, 2);
    await remove(disk, back);
  });

  it('has what its guest synced after the VMM was killed, and is free again', async () => {
    const disk = await empty();
    const vm = await thaw([{ disk: disk.id, path: '/data' }]);
    const text = await ask<string>(
      vm,
      `const fs = require('node:fs');
       const bytes = require('node:crypto').randomBytes(3_000_000);
       const file = fs.openSync('/data/synced', 'w');
       fs.writeSync(file, bytes); fs.fsyncSync(file);
       const directory = fs.openSync('/data', 'r'); fs.fsyncSync(directory);
       return require('node:crypto').createHash('sha256').update(bytes).digest('hex');`,
    );
    const [machine] = (await at.vmm.find(`thaw-${at.config.serverId}-`)).values();
    assert.ok(machine);
    process.kill(machine.pid, 'SIGKILL');
    while (at.host.get(vm.id) !== undefined) await sleep(5);
    const next = await thaw([{ disk: disk.id, path: '/data' }]);
    assert.equal((await shell(at.host, next.id, 'sha256sum < /data/synced')).split(' ')[0], text);
    await at.host.end(next.id);
    await remove(disk);
  });
});
