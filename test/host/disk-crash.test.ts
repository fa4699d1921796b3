import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Vm } from '../../platform/host/contract.ts';
import { ask, openTestHost, shell, type TestHost } from '../fixtures/host.ts';

const PROGRAM = fileURLToPath(new URL('disk-server.ts', import.meta.url));

describe('a disk whose server is killed with signal 9', () => {
  let data: string;
  let at: TestHost;
  let template: string;
  before(async () => {
    data = await mkdtemp('/tmp/thaw-host-');
    at = await openTestHost({ data });
    template = (await at.scripted()).id;
  });
  after(() => at[Symbol.asyncDispose]());

  /** Runs a server until `moment`, kills it, and with `vmm` the VMM too. */
  const killed = async (kill: { vmm: boolean }, moment = async () => true) => {
    await at.host[Symbol.asyncDispose]();
    const child = spawn(process.execPath, [PROGRAM, template], {
      env: { ...process.env, THAW_DATA: data },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
    child.stdin.write('\n');
    for (const began = performance.now(); !(await moment()); ) {
      assert.ok(performance.now() - began < 20_000, 'the moment never came');
    }
    child.kill('SIGKILL');
    await ended;
    const machines = [...(await at.vmm.find(`thaw-${at.config.serverId}-`)).values()];
    if (kill.vmm) for (const { pid } of machines) process.kill(pid, 'SIGKILL');
    while (kill.vmm && (await at.vmm.find(`thaw-${at.config.serverId}-`)).size > 0) await sleep(5);
    await at.reopen();
    return JSON.parse(line) as { vm: Vm; disk: string; sum: string };
  };
  const sumOf = async (vm: { id: string }) => (await shell(at.host, vm.id, 'sha256sum < /data/synced')).split(' ')[0];
  const tidy = async () => {
    for (const { id } of at.host.list()) await at.host.end(id);
    for (const { id } of await at.host.disks()) await at.host.removeDisk(id);
  };

  it('has what the guest synced when the VMM was killed too, and nobody holds it', async () => {
    const { vm, disk, sum } = await killed({ vmm: true });
    assert.equal(at.host.get(vm.id), undefined);
    assert.equal((await at.host.getDisk(disk))?.holder, null);
    const disks = [{ disk, path: '/data' }];
    const next = await at.host.thaw({ template, labels: {}, egress: { mode: 'none' }, memory: 'clone', disks });
    assert.equal(await sumOf(next), sum);
    await tidy();
  });

  it('stays with the VM that lives on, which can write as soon as the next server is there', async () => {
    const copying = async () => (await readdir(join(data, 'disks'))).some((name) => name.startsWith('.making-'));
    const { vm, disk, sum } = await killed({ vmm: false }, copying);
    assert.equal((await at.host.getDisk(disk))?.holder, vm.id);
    assert.deepEqual(at.host.get(vm.id)?.disks, vm.disks);
    const disks = [{ disk, path: '/data' }];
    const other = at.host.thaw({ template, labels: {}, egress: { mode: 'none' }, memory: 'clone', disks });
    await assert.rejects(other, { code: 'conflict' });
    await ask(vm, `require('node:fs').writeSync(kept.open, 'more'); require('node:fs').fsyncSync(kept.open)`);
    assert.notEqual(await sumOf(vm), sum);
    assert.deepEqual(
      (await readdir(join(data, 'disks'))).filter((name) => name.startsWith('.')),
      [],
    );
    await tidy();
  });
});
