import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryDirectory } from '../fixtures/control.ts';
import { openTestHost, SHAPE, shell, type TestHost } from '../fixtures/host.ts';

describe('the template of a runtime image', () => {
  const stack = new AsyncDisposableStack();
  let cache: string;
  let at: TestHost;
  before(async () => {
    cache = stack.use(await temporaryDirectory()).path;
    at = stack.use(await openTestHost({ cache }));
  });
  after(() => stack.disposeAsync());
  const kept = () => readdir(join(cache, 'templates'));

  it('is booted once for all who ask, though the first of them gives up', async () => {
    const stop = new AbortController();
    const first = at.host.runtimeTemplate('base', SHAPE, stop.signal);
    const others = Promise.all([at.host.runtimeTemplate('base', SHAPE), at.host.runtimeTemplate('base', SHAPE)]);
    const impatient = at.host.runtimeTemplate('base', SHAPE, AbortSignal.timeout(50));
    await assert.rejects(impatient, { code: 'cancelled' });
    setTimeout(() => stop.abort(), 200);
    await assert.rejects(first);
    const [one, other] = await others;
    assert.equal(one.id, other.id);
    assert.deepEqual(await kept(), [one.id], 'no lock, and nothing unfinished');
    assert.deepEqual((await at.held()).files, []);
  });

  it('is found by the next host, and by another at the same time', async () => {
    const { id } = await at.host.runtimeTemplate('base', SHAPE);
    await using other = await openTestHost({ cache });
    assert.equal((await other.host.runtimeTemplate('base', SHAPE)).id, id);
    await at.reopen();
    assert.equal((await at.host.runtimeTemplate('base', SHAPE)).id, id);
    const vm = await at.thaw({ template: id });
    assert.equal(await shell(at.host, vm.id, 'cat /proc/1/comm'), 'tini');
    await at.host.end(vm.id);
  });

  it('is made anew when what it was made with is another', async () => {
    const { id } = await at.host.runtimeTemplate('base', SHAPE);
    await at.reopen((set) => ({
      ...set,
      kernel: { ...set.kernel, commandLine: `${set.kernel.commandLine} loglevel=3` },
    }));
    await assert.rejects(at.thaw({ template: id }), { code: 'template_stale' });
    const fresh = await at.host.runtimeTemplate('base', SHAPE);
    assert.notEqual(fresh.id, id);
    const vm = await at.thaw({ template: fresh.id });
    assert.match(await shell(at.host, vm.id, 'cat /proc/cmdline'), /loglevel=3/);
    await at.host.end(vm.id);
  });
});
