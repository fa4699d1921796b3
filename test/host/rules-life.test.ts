import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GATEWAY, netnsName } from '../../platform/host/network/addresses.ts';
import { run } from '../../platform/host/run.ts';
import { ask } from '../fixtures/host.ts';
import { overTls, RESET, speeds } from '../fixtures/reaching.ts';
import { openRuled, type Ruled, rules } from '../fixtures/ruled.ts';
import { PUBLIC } from '../fixtures/world.ts';

const [ONE, TWO, THREE] = PUBLIC;

describe('egress rules, while a VM lives', () => {
  let ruled: Ruled;
  before(async () => {
    ruled = await openRuled();
  });
  after(() => ruled?.[Symbol.asyncDispose]());
  beforeEach(() => ruled.forget());

  it('cut what they do not allow any more, and only that', async () => {
    const vm = await ruled.at.thaw({ egress: rules(`${TWO}:7`, `${THREE}:7`) });
    await ask(
      vm,
      `kept.ends = [];
       kept.sockets = await Promise.all(['${TWO}', '${THREE}'].map((host, at) => new Promise((resolve) => {
         const socket = require('node:net').connect(7, host);
         socket.on('error', (error) => { kept.ends[at] = error.code; }).on('data', () => resolve(socket));
         socket.write('x');
       })));`,
    );
    await ruled.at.host.setEgress(vm.id, rules(`${THREE}:7`));
    await ask(vm, `while (kept.ends.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));`);
    assert.deepEqual(await ask(vm, 'return kept.ends'), ['ECONNRESET']);
    await ruled.told({ destination: TWO, port: 7, reason: 'policy_changed' });
    const echo = `const [, socket] = kept.sockets;
      return new Promise((resolve) => {
        socket.once('data', (data) => resolve(String(data)));
        socket.write('still here');
      });`;
    assert.equal(await ask(vm, echo), 'still here');
    await ruled.at.host.end(vm.id);
  });

  it('change to rules alone, and to nothing that cannot be read', async () => {
    const vm = await ruled.at.thaw({ egress: rules('allowed.example.com') });
    const { host } = ruled.at;
    await assert.rejects(host.setEgress(vm.id, { mode: 'public' }), { code: 'conflict' });
    await assert.rejects(host.setEgress(vm.id, rules('*.com')), { code: 'invalid_input', message: /"\*\.com"/ });
    assert.equal(await overTls(vm, 'allowed.example.com'), 'hello allowed.example.com');
    await host.setEgress(vm.id, { mode: 'none' });
    assert.equal(await overTls(vm, 'allowed.example.com'), 'ENOTFOUND');
    await host.end(vm.id);
    await assert.rejects(host.setEgress(vm.id, rules()), { code: 'not_found' });
    await assert.rejects(ruled.at.thaw({ egress: rules('10.0.0.0/8') }), { code: 'invalid_input' });
    const closed = await ruled.at.thaw({ egress: { mode: 'none' } });
    await assert.rejects(host.setEgress(closed.id, rules()), { code: 'conflict' });
    await host.end(closed.id);
  });

  it('hold, with the connections, while it sleeps', async () => {
    const vm = await ruled.at.thaw({ egress: rules(`${TWO}:7`, 'allowed.example.com'), memory: 'own' });
    const echo = `return new Promise((resolve) => {
      kept.socket ??= require('node:net').connect(7, '${TWO}');
      kept.socket.once('error', (error) => resolve(error.code));
      kept.socket.once('data', (data) => resolve(String(data)));
      kept.socket.write('hello');
    });`;
    const { host } = ruled.at;
    assert.equal(await ask(vm, echo), 'hello');
    await host.sleep(vm.id);
    await host.wake(vm.id);
    assert.equal(await ask(vm, echo), 'hello');
    assert.equal(ruled.world.knocks.length, 1);
    await host.sleep(vm.id);
    await host.setEgress(vm.id, { mode: 'none' });
    await host.wake(vm.id);
    assert.equal(await overTls(vm, 'allowed.example.com'), 'ENOTFOUND');
    assert.equal(await ask(vm, echo), 'ECONNRESET');
    await host.end(vm.id);
  });

  it('hold for a copy, which may use the addresses that it was copied with', async () => {
    const vm = await ruled.at.thaw({ egress: rules('allowed.example.com'), memory: 'own' });
    assert.equal(await overTls(vm, 'allowed.example.com'), 'hello allowed.example.com');
    const copy = await ruled.at.host.fork(vm.id, {});
    assert.equal(await overTls(copy, ONE, 'allowed.example.com'), 'hello allowed.example.com');
    assert.match(await overTls(copy, TWO, 'allowed.example.com'), RESET);
    await Promise.all([vm, copy].map(({ id }) => ruled.at.host.end(id)));
  });

  it('do not flood whoever listens to what they refuse', async () => {
    const vm = await ruled.at.thaw({ egress: rules('allowed.example.com') });
    await ask(
      vm,
      `const resolver = new (require('node:dns').promises.Resolver)();
       resolver.setServers(['${GATEWAY}']);
       for (let i = 0; i < 200; i += 1) await resolver.resolve4('n' + i + '.example.org').catch(() => {});`,
    );
    await ruled.at.host.end(vm.id);
    const own = ruled.events.filter((event) => event.vm === vm.id);
    assert.ok(own.length <= 60, `${own.length} events`);
    const all = own.reduce((sum, { count }) => sum + count, 0);
    assert.equal(all, 200);
  });

  it('cost little of the speed that a guest has without them', async (test) => {
    const bytes = 64 * 1024 * 1024;
    const direct = await ruled.at.thaw({ egress: { mode: 'public' } });
    const joined = await ruled.at.thaw({ egress: rules(`${TWO}:9`) });
    const without = await speeds(direct, TWO, bytes);
    const through = await speeds(joined, TWO, bytes);
    const text = ({ down, up }: typeof without) => `${(down / 1e6).toFixed(0)} down, ${(up / 1e6).toFixed(0)} up`;
    test.diagnostic(`MB/s: ${text(through)}; without rules ${text(without)}`);
    assert.ok(through.down > without.down / 5 && through.up > without.up / 5);
    await Promise.all([direct, joined].map(({ id }) => ruled.at.host.end(id)));
  });

  it('leave nothing in the slot when it ends', async () => {
    const vm = await ruled.at.thaw({ egress: rules(`${TWO}:7`, 'allowed.example.com') });
    await ask(
      vm,
      `const { connect } = require('node:net');
       kept.sockets = await Promise.all([7, 7, 7].map((port) => new Promise((resolve) => {
         const socket = connect(port, '${TWO}', () => resolve(socket)).on('error', () => {});
       })));
       kept.waiting = connect(443, '${ONE}').on('error', () => {});
       await require('node:events').once(kept.waiting, 'connect');`,
    );
    const [, , third = 0, last = 0] = vm.address.split('.').map(Number);
    const netns = netnsName((third * 256 + last - 2) / 4);
    const inside = async (file: string) => (await run(['ip', 'netns', 'exec', netns, 'cat', file])).trim().split('\n');
    // The fourth column is the state: 0A listens, 06 is the memory of one that was closed in good order before.
    const open = async () =>
      (await inside('/proc/net/tcp')).slice(1).filter((line) => !/^\s*\S+ \S+ \S+ (0A|06) /.test(line));
    assert.equal((await open()).length, 4);
    await ruled.at.host.end(vm.id);
    for (let tries = 0; (await open()).length > 0 && tries < 50; tries += 1) await sleep(20);
    assert.deepEqual(await open(), []);
    // The next VM in this slot begins with no connection of the one before.
    const next = await ruled.at.thaw({ egress: rules() });
    assert.equal(next.address, vm.address);
    const tracked = (await inside('/proc/net/nf_conntrack')).filter((line) => line.includes(`dst=${TWO}`));
    assert.deepEqual(tracked, []);
    await ruled.at.host.end(next.id);
  });
});
