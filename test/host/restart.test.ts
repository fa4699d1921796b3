import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Vm } from '../../platform/host/contract.ts';
import { GATEWAY, SLOT_KINDS } from '../../platform/host/network/addresses.ts';
import { ask, openTestHost, type TestHost } from '../fixtures/host.ts';

const PROGRAM = fileURLToPath(new URL('server-process.ts', import.meta.url));

interface Told {
  clone: Vm;
  own: Vm;
  paused: Vm;
}

describe('a host that is opened after its server was killed', () => {
  let data: string;
  let at: TestHost;
  let template: string;
  before(async () => {
    data = await mkdtemp('/tmp/thaw-host-');
    at = await openTestHost({ data });
    template = (await at.scripted()).id;
  });
  after(() => at[Symbol.asyncDispose]());

  /** Runs a server that is killed with signal 9 as soon as `moment` is true, while it does `then`. */
  const killedServer = async (then: 'thaw' | 'freeze' | 'nothing', moment: (told: Told) => Promise<boolean>) => {
    await at.host[Symbol.asyncDispose]();
    const child = spawn(process.execPath, [PROGRAM, template, then], {
      env: { ...process.env, THAW_DATA: data },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
    const told = JSON.parse(line) as Told;
    await ask(told.own, `kept.note = 'still here'`);
    child.stdin.write('\n');
    for (const began = performance.now(); !(await moment(told)); await sleep(2)) {
      assert.ok(performance.now() - began < 20_000, 'the moment never came');
    }
    child.kill('SIGKILL');
    await ended;
    return told;
  };
  const reopen = () => at.reopen();
  const endAll = () => Promise.all(at.host.list().map(({ id }) => at.host.end(id)));

  it('takes back the VMs that run, as they were', async () => {
    const { clone, own, paused } = await killedServer('nothing', async () => true);
    await reopen();
    const back = (id: string) => at.host.get(id);
    for (const vm of [clone, own, paused]) assert.deepEqual(back(vm.id), vm);
    assert.equal(await ask(clone, `return require('node:os').hostname()`), clone.id);
    assert.equal(await ask(own, 'return kept.note'), 'still here');

    await assert.rejects(ask(paused, 'return 1', 300), { name: 'AbortError' });
    await at.host.resume(paused.id);
    assert.equal(await ask(paused, 'return 1'), 1);

    // What it may reach is decided as before, and can be changed.
    const code = `return new Promise((resolve) => require('node:net').connect(80, '${GATEWAY}').on('error', (error) => resolve(error.code)))`;
    assert.equal(await ask(own, code), 'ECONNRESET');
    await at.host.setEgress(own.id, { mode: 'rules', allow: [] });

    assert.equal((await at.held()).processes.length, 3);
    assert.equal((await at.host.facts()).slots.used, 3);
    const frozen = await at.host.freeze(own.id, { labels: {} });
    const thawed = await at.thaw({ template: frozen.id });
    assert.equal(await ask(thawed, 'return kept.note'), 'still here');
    await endAll();
    await at.host.removeTemplate(frozen.id);
    const { processes, cgroups, files } = await at.held();
    assert.deepEqual({ processes, cgroups, files }, { processes: [], cgroups: [], files: [] });
  });

  it('ends a VM whose thaw was not over', async () => {
    const before = new Set<string>();
    const told = await killedServer('thaw', async ({ clone, own, paused }) => {
      for (const { id } of [clone, own, paused]) before.add(id);
      const fresh = (await readdir(join(data, 'vms'))).filter((id) => !before.has(id));
      return fresh.some((id) => existsSync(join(data, 'vms', id, 'monitor.sock')));
    });
    const left = await at.held();
    assert.equal(left.files.length, 4);
    await reopen();
    assert.deepEqual(
      at.host
        .list()
        .map(({ id }) => id)
        .sort(),
      [...before].sort(),
    );
    const { processes, files } = await at.held();
    assert.equal(processes.length, 3);
    assert.deepEqual(files.sort(), [...before].sort());
    assert.equal(await ask(told.clone, 'return 1'), 1);
    await endAll();
  });

  it('ends a VM whose freeze was not over, and knows no half of a template', async () => {
    const templates = (await at.host.templates()).length;
    const { own, clone } = await killedServer('freeze', async () =>
      (await readdir(join(data, 'templates'))).some((name) => name.startsWith('.making-')),
    );
    // Killed a moment after the freeze began: the VM is either as it was, or being frozen and lost to it.
    const record = JSON.parse(await readFile(join(data, 'vms', own.id, 'vm.json'), 'utf8').catch(() => '{}')) as {
      ready?: boolean;
    };
    await reopen();
    assert.equal((await at.host.templates()).length, templates);
    assert.deepEqual(
      (await readdir(join(data, 'templates'))).filter((name) => name.startsWith('.making-')),
      [],
    );
    assert.equal(at.host.get(own.id) !== undefined, record.ready === true);
    if (record.ready) assert.equal(await ask(own, 'return kept.note'), 'still here');
    assert.equal(await ask(clone, 'return 1'), 1);
    await endAll();
  });

  it('frees what belongs to VMs that ended meanwhile', async () => {
    const told = await killedServer('nothing', async () => true);
    const machines = await at.vmm.find(`thaw-${at.config.serverId}-`);
    assert.equal(machines.size, 3);
    for (const { pid } of machines.values()) process.kill(pid, 'SIGKILL');
    while ((await at.vmm.find(`thaw-${at.config.serverId}-`)).size > 0) await sleep(5);
    await reopen();
    assert.deepEqual(at.host.list(), []);
    assert.equal(at.host.get(told.clone.id), undefined);
    const { processes, cgroups, files, claims, namespaces, links } = await at.held();
    assert.deepEqual({ processes, cgroups, files }, { processes: [], cgroups: [], files: [] });
    const ready = SLOT_KINDS.length;
    assert.deepEqual([claims.length, namespaces.length, links.length], [ready, ready, ready], 'only ready slots');
  });

  it('ends a VMM that no longer answers', async () => {
    const told = await killedServer('nothing', async () => true);
    const machines = await at.vmm.find(`thaw-${at.config.serverId}-`);
    const stuck = machines.get(`thaw-${at.config.serverId}-${told.clone.id}`);
    assert.ok(stuck);
    process.kill(stuck.pid, 'SIGSTOP');
    await reopen();
    assert.equal(at.host.get(told.clone.id), undefined);
    assert.equal(at.host.list().length, 2);
    assert.equal((await at.held()).processes.length, 2);
    await endAll();
  });
});

describe('two hosts on one machine', () => {
  it('have slots, VMs and gateways apart', async () => {
    await using one = await openTestHost();
    await using other = await openTestHost();
    const vms = [await one.thaw(), await other.thaw(), await one.thaw(), await other.thaw()];
    assert.equal(new Set(vms.map(({ address }) => address)).size, 4);
    for (const vm of vms) assert.equal(await ask(vm, `return require('node:os').hostname()`), vm.id);
    const [held, heldByOther] = [await one.held(), await other.held()];
    assert.deepEqual(
      held.claims.filter((index) => heldByOther.claims.includes(index)),
      [],
    );
    await other.reopen();
    assert.equal(await ask(vms[0] as Vm, 'return 1'), 1, 'the end of one is nothing to the other');
    assert.equal((await one.held()).processes.length, 2);
    await Promise.all(one.host.list().map(({ id }) => one.host.end(id)));
  });
});
