import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { HostEvent, Vm } from '../../platform/host/contract.ts';
import { ask, openTestHost, shell, type TestHost } from '../fixtures/host.ts';

describe('a thawed VM', () => {
  let at: TestHost;
  before(async () => {
    at = await openTestHost();
    await at.scripted();
  });
  after(() => at[Symbol.asyncDispose]());

  const identity = (vm: Vm) =>
    ask<Record<'hostname' | 'machine' | 'boot' | 'random' | 'now', string>>(
      vm,
      `const { openSync, readSync, readFileSync } = require('node:fs');
       const random = Buffer.alloc(32);
       readSync(openSync('/dev/urandom', 'r'), random);
       const text = (path) => readFileSync(path, 'utf8').trim();
       return { hostname: require('node:os').hostname(), machine: text('/etc/machine-id'),
         boot: text('/proc/sys/kernel/random/boot_id'), random: random.toString('hex'), now: String(Date.now()) };`,
    );

  it('has a clock, entropy and an identity of its own, unlike its twin', async () => {
    const vms = await Promise.all([at.thaw(), at.thaw(), at.thaw()]);
    const [one, ...others] = await Promise.all(
      vms.map(async (vm) => {
        const before = Date.now();
        const found = await identity(vm);
        assert.ok(Number(found.now) > before - 500 && Number(found.now) < Date.now() + 500, 'the clock is the host’s');
        assert.equal(found.hostname, vm.id);
        assert.match(found.machine, /^[0-9a-f]{32}$/);
        assert.match(found.boot, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
        return found;
      }),
    );
    for (const other of others) {
      for (const name of ['hostname', 'machine', 'boot', 'random'] as const) assert.notEqual(one?.[name], other[name]);
    }
    assert.equal(new Set(vms.map(({ address }) => address)).size, 3);
    await Promise.all(vms.map(({ id }) => at.host.end(id)));
  });

  it('has the time of now, even when its template is from another day', async () => {
    const vm = await at.thaw({ memory: 'own' });
    await ask(vm, `kept.made = Date.now()`);
    await shell(at.host, vm.id, 'date -s "2 days ago"');
    assert.ok((await ask<number>(vm, 'return Date.now()')) < Date.now() - 86_400_000);
    const old = await at.host.freeze(vm.id, { labels: {} });
    const clone = await at.thaw({ template: old.id });
    const told = await ask<number>(clone, 'return Date.now()');
    assert.ok(Math.abs(told - Date.now()) < 500, `${told - Date.now()} ms off`);
    await at.host.end(clone.id);
    await at.host.removeTemplate(old.id);
  });

  it('goes on where its template stopped, and leaves the template as it was', async () => {
    const vm = await at.thaw({ memory: 'own' });
    await ask(vm, `kept.count = 41; require('node:fs').writeFileSync('/app/note', 'on disk')`);
    const template = await at.host.freeze(vm.id, { labels: { step: 'two' } });
    assert.equal(at.host.get(vm.id), undefined);
    assert.deepEqual(template.labels, { step: 'two' });

    const read = `return [++kept.count, require('node:fs').readFileSync('/app/note', 'utf8')]`;
    for (const memory of ['clone', 'own'] as const) {
      const clone = await at.thaw({ template: template.id, memory });
      assert.deepEqual(await ask(clone, read), [42, 'on disk']);
      await ask(clone, `require('node:fs').writeFileSync('/app/note', 'changed')`);
      await at.host.end(clone.id);
    }
    await at.host.removeTemplate(template.id);
  });

  it('can be forked: memory and disk are copied, and both go on apart', async () => {
    const original = await at.thaw({ memory: 'own', cpus: 0.75 });
    await ask(original, `kept.who = 'both'; require('node:fs').writeFileSync('/app/note', 'both')`);
    const copy = await at.host.fork(original.id, { copy: 'yes' });
    assert.deepEqual(copy.labels, { copy: 'yes' });
    assert.equal(copy.template, original.template);

    const read = `return [kept.who, require('node:fs').readFileSync('/app/note', 'utf8'), require('node:os').hostname()]`;
    assert.deepEqual(await ask(copy, read), ['both', 'both', copy.id]);
    assert.deepEqual(await ask(original, read), ['both', 'both', original.id]);
    for (const vm of [original, copy]) {
      await ask(vm, `kept.who = '${vm.id}'; require('node:fs').writeFileSync('/app/note', '${vm.id}')`);
    }
    for (const vm of [original, copy]) assert.deepEqual(await ask(vm, read), [vm.id, vm.id, vm.id]);
    await Promise.all([at.host.end(original.id), at.host.end(copy.id)]);
  });

  it('stands still while it is paused', async () => {
    const vm = await at.thaw();
    await ask(vm, `kept.ticks = 0; setInterval(() => kept.ticks++, 5)`);
    await at.host.pause(vm.id);
    await assert.rejects(ask(vm, 'return kept.ticks', 400), { name: 'AbortError' });
    await at.host.resume(vm.id);
    assert.equal(typeof (await ask(vm, 'return kept.ticks')), 'number');
    await at.host.end(vm.id);
  });

  it('can be frozen or forked only with memory of its own', async () => {
    const vm = await at.thaw({ memory: 'clone' });
    await assert.rejects(at.host.freeze(vm.id, { labels: {} }), { code: 'conflict' });
    await assert.rejects(at.host.fork(vm.id, {}), { code: 'conflict' });
    assert.equal(await ask(vm, 'return 1'), 1, 'it goes on');
    await at.host.end(vm.id);
    await at.host.end(vm.id);
    await assert.rejects(at.host.pause(vm.id), { code: 'not_found' });
  });

  it('leaves nothing when its thaw is cancelled, whenever that is', async () => {
    const before = await at.held();
    for (const afterMs of [0, 20, 60, 100, 140]) {
      const stop = AbortSignal.timeout(afterMs);
      const { id } = await at.scripted();
      const thawing = at.host.thaw({ template: id, labels: {}, egress: { mode: 'none' }, memory: 'clone' }, stop);
      const outcome = await thawing.then(
        (vm) => at.host.end(vm.id), // faster than the signal
        (error: unknown) => error,
      );
      if (outcome !== undefined) assert.equal((outcome as { code: string }).code, 'cancelled');
    }
    const gone = new AbortController();
    gone.abort();
    const { id } = await at.scripted();
    await assert.rejects(
      at.host.thaw({ template: id, labels: {}, egress: { mode: 'none' }, memory: 'own' }, gone.signal),
      { code: 'cancelled' },
    );
    const { processes, cgroups, files } = await at.held();
    assert.deepEqual(
      { processes, cgroups, files },
      { processes: before.processes, cgroups: before.cgroups, files: [] },
    );
    assert.deepEqual(at.host.list(), []);
  });

  it('tells its end, with the reason, when its VMM is killed', async () => {
    const stop = new AbortController();
    const events = at.host.events(stop.signal)[Symbol.asyncIterator]();
    const vm = await at.thaw();
    const told = events.next();
    process.kill(await vmmOf(at, vm.id), 'SIGKILL');
    const event = (await told).value as HostEvent;
    assert.deepEqual(event, { kind: 'ended', vm: vm.id, labels: {}, reason: 'crashed' });
    assert.equal(at.host.get(vm.id), undefined);
    stop.abort();
    assert.deepEqual((await at.held()).files, []);
  });

  it('is told at once that a connection of its template is gone', async () => {
    const server = await at.thaw({ memory: 'own' });
    // The connection is the test's own, into the guest: it is open in the template and known to nobody after the thaw.
    await ask(
      server,
      `const net = require('node:net');
       kept.server = net.createServer((socket) => {
         kept.socket = socket;
         socket.on('error', (error) => { kept.error = error.code; }).resume();
       }).listen(9000);
       await new Promise((resolve) => kept.server.once('listening', resolve));`,
    );
    const client = connect(9000, server.address);
    client.on('error', () => {});
    // And one that the guest has opened, to the gateway.
    await ask(
      server,
      `const out = kept.out = require('node:net').connect(3128, '172.16.0.1');
       out.on('error', (error) => { kept.outError = error.code; });
       await new Promise((resolve) => out.once('connect', resolve));
       while (!kept.socket) await new Promise((resolve) => setTimeout(resolve, 10))`,
    );
    const frozen = await at.host.freeze(server.id, { labels: {} });
    client.destroy();

    const clone = await at.thaw({ template: frozen.id, egress: { mode: 'public' } });
    const [code, outCode, ms] = await ask<[string, string, number]>(
      clone,
      `const began = Date.now();
       const ended = Promise.all([kept.socket, kept.out].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
       kept.socket.write('are you there?');
       kept.out.write('are you there?');
       await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
       return [kept.error, kept.outError, Date.now() - began];`,
    );
    assert.equal(code, 'ECONNRESET');
    assert.equal(outCode, 'ECONNRESET');
    assert.ok(ms < 1000, `${ms} ms`);
    await at.host.end(clone.id);
    await at.host.removeTemplate(frozen.id);
  });
});

async function vmmOf(at: TestHost, vm: string): Promise<number> {
  const found = await at.vmm.find(`thaw-${at.config.serverId}-${vm}`);
  const [record] = found.values();
  assert.ok(record);
  return record.pid;
}
