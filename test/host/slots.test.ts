import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { netnsName, SLOT_KINDS } from '../../platform/host/network/addresses.ts';
import { allClaims } from '../../platform/host/network/claims.ts';
import { run } from '../../platform/host/run.ts';
import { ask, openTestHost, PORT, type TestHost } from '../fixtures/host.ts';

describe('a slot', () => {
  let at: TestHost;
  before(async () => {
    at = await openTestHost({ slotsAhead: 1 });
    await at.scripted();
  });
  after(() => at[Symbol.asyncDispose]());

  const indexOf = async (address: string) => {
    const claims = await allClaims();
    const [, , third = 0, last = 0] = address.split('.').map(Number);
    const index = (third * 256 + last - 2) / 4;
    assert.ok(claims.some((claim) => claim.index === index && claim.owner === at.config.data));
    return index;
  };
  const tracked = async (address: string) => {
    const text = await run(['ip', 'netns', 'exec', netnsName(await indexOf(address)), 'cat', '/proc/net/nf_conntrack']);
    return text.split('\n').filter((line) => line !== '');
  };

  it('is used again, and knows no connection of the VM before', async (test) => {
    const conntrack = await readFile('/proc/net/nf_conntrack').then(
      () => true,
      () => false,
    );
    if (!conntrack) return test.skip('this kernel shows no table of connections');
    const first = await at.thaw();
    const held = connect(PORT, first.address);
    held.on('error', () => {});
    await ask(first, 'return 1');
    assert.ok((await tracked(first.address)).length > 0);
    await at.host.end(first.id);
    // Idle connections of the VM before would be known for five days.
    const second = await at.thaw();
    assert.equal(second.address, first.address);
    const ports = (await tracked(second.address)).map((line) => /sport=(\d+)/.exec(line)?.[1]);
    assert.ok(!ports.includes(String((held.address() as { port?: number }).port)));
    assert.equal(await ask(second, 'return 1'), 1);
    held.destroy();
    await at.host.end(second.id);
  });

  it('stays known only as long as it is needed, however many were in use at once', async () => {
    const vms = await Promise.all(Array.from({ length: 5 }, () => at.thaw()));
    assert.equal(new Set(vms.map(({ address }) => address)).size, 5);
    assert.equal((await at.host.facts()).slots.used, 5);
    await Promise.all(vms.map(({ id }) => at.host.end(id)));
    const ready = (await at.host.facts()).slots.ready;
    assert.ok(ready <= 2 * SLOT_KINDS.length, `${ready} ready`);
    await at.reopen();
    assert.equal((await at.held()).claims.length, SLOT_KINDS.length, 'one of each kind');
  });
});
