import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, openTestHost, shell, type TestHost } from '../fixtures/host.ts';

describe('a VM that is copied into a template', () => {
  const stack = new AsyncDisposableStack();
  let at: TestHost;
  before(async () => {
    at = stack.use(await openTestHost());
  });
  after(() => stack.disposeAsync());

  test('goes on, and what is thawed from the template has its memory and its disk of that moment', async () => {
    const vm = await at.thaw({ memory: 'own' });
    await ask(vm, 'kept.count = 1; require("node:fs").writeFileSync("/app/note", "first")');
    const template = await at.host.snapshot(vm.id, { of: 'test' });
    assert.deepEqual([template.labels, template.shape, template.runtime], [{ of: 'test' }, vm.shape, 'node']);
    await ask(vm, 'kept.count = 2; require("node:fs").writeFileSync("/app/note", "second")');
    const look = 'return [kept.count, require("node:fs").readFileSync("/app/note", "utf8")]';
    for (const memory of ['clone', 'own'] as const) {
      const copy = await at.thaw({ template: template.id, memory });
      assert.deepEqual(await ask(copy, look), [1, 'first']);
      await at.host.end(copy.id);
    }
    assert.deepEqual(await ask(vm, look), [2, 'second']);
    const again = await at.host.snapshot(vm.id, {});
    const later = await at.thaw({ template: again.id, memory: 'own' });
    assert.deepEqual(await ask(later, look), [2, 'second']);
    const ofCopy = await at.host.snapshot(later.id, {});
    const third = await at.thaw({ template: ofCopy.id });
    assert.deepEqual(await ask(third, look), [2, 'second'], 'a template of what was thawed from a template');
    for (const one of [later, third, vm]) await at.host.end(one.id);
    for (const one of [ofCopy, again, template]) await at.host.removeTemplate(one.id);
  });

  test('has to have memory of its own and be awake', async () => {
    const clone = await at.thaw();
    await assert.rejects(at.host.snapshot(clone.id, {}), { code: 'conflict' });
    await at.host.end(clone.id);
    await assert.rejects(at.host.snapshot(clone.id, {}), { code: 'not_found' });
    await assert.rejects(at.host.usage(clone.id), { code: 'not_found' });
    const vm = await at.thaw({ memory: 'own' });
    await at.host.sleep(vm.id);
    await assert.rejects(at.host.snapshot(vm.id, {}), { code: 'conflict' });
    await assert.rejects(at.host.usage(vm.id), { code: 'conflict' });
    await at.host.end(vm.id);
  });

  test('what a VM uses is told: processor, memory, disk and network', async () => {
    const vm = await at.thaw({ memory: 'own' });
    const before = await at.host.usage(vm.id);
    await shell(at.host, vm.id, 'dd if=/dev/urandom of=/app/big bs=1M count=8 && sync');
    await ask(vm, 'return "x".repeat(1_000_000)');
    const used = await at.host.usage(vm.id);
    assert.ok(used.cpuSeconds > before.cpuSeconds, `${before.cpuSeconds} ${used.cpuSeconds}`);
    assert.ok(used.memoryBytes > 10_000_000, String(used.memoryBytes));
    assert.ok(used.diskBytes - before.diskBytes >= 8_000_000, `${before.diskBytes} ${used.diskBytes}`);
    assert.ok(used.sentBytes - before.sentBytes >= 1_000_000, `${before.sentBytes} ${used.sentBytes}`);
    assert.ok(used.receivedBytes > before.receivedBytes);
    await at.host.end(vm.id);
  });
});
