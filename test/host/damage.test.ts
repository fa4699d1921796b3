import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask, openTestHost, type TestHost } from '../fixtures/host.ts';

describe('a template that cannot be thawed', () => {
  let at: TestHost;
  before(async () => {
    at = await openTestHost();
    await at.scripted();
  });
  after(() => at[Symbol.asyncDispose]());

  const file = (template: string, name: string) => join(at.config.data, 'templates', template, name);
  const nothingHeld = async () => {
    const { processes, cgroups, files } = await at.held();
    assert.deepEqual({ processes, cgroups, files }, { processes: [], cgroups: [], files: [] });
    assert.deepEqual(at.host.list(), []);
  };
  /** A template of its own, which a test may spoil. */
  const spare = async (code = '') => {
    const vm = await at.thaw({ memory: 'own' });
    await ask(vm, code);
    return at.host.freeze(vm.id, { labels: {} });
  };

  it('fails with its reason, and leaves nothing, when its state is garbage', async () => {
    const { id } = await spare();
    await writeFile(file(id, 'state'), Buffer.alloc(64 * 1024, 'garbage'));
    const began = performance.now();
    await assert.rejects(at.thaw({ template: id }), { code: 'thaw_failed' });
    assert.ok(performance.now() - began < 3_000, 'it is told soon');
    await nothingHeld();
    await at.host.removeTemplate(id);
  });

  it('fails, and leaves nothing, when its state ends too early', async () => {
    const { id } = await spare();
    await truncate(file(id, 'state'), 10_000);
    await assert.rejects(at.thaw({ template: id }), { code: 'thaw_failed' });
    await nothingHeld();
    await at.host.removeTemplate(id);
  });

  it('fails, and leaves nothing, when the code in it refuses to become a clone', async () => {
    // What a runtime does that renews itself after a thaw, only that this one cannot.
    const { id } = await spare(`
      const socket = kept.socket = require('node:net').connect('/run/thaw/thaw.sock');
      socket.on('data', () => socket.write('error no more entropy for me\\n'));
      await new Promise((resolve) => socket.once('connect', resolve));
      await new Promise((resolve) => setTimeout(resolve, 100));
    `);
    await assert.rejects(at.thaw({ template: id }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'thaw_failed');
      assert.match(String((error.cause as Error).message), /no more entropy for me/);
      assert.doesNotMatch(error.message, /no more entropy/, 'what the guest says is for the log');
      return true;
    });
    await nothingHeld();
    await at.host.removeTemplate(id);
  });

  it('fails at once when there is none of that name', async () => {
    await assert.rejects(at.thaw({ template: 't_aaaaaaaaaaaaaaaa' }), { code: 'template_stale' });
    await assert.rejects(at.thaw({ template: '../templates' }), { code: 'template_stale' });
  });

  it('is stale when its memory was cut short, and is removed at the next start', async () => {
    const { id } = await spare();
    await truncate(file(id, 'memory'), 1024 * 1024);
    await assert.rejects(at.thaw({ template: id }), { code: 'thaw_failed' });
    await at.reopen();
    await assert.rejects(at.thaw({ template: id }), { code: 'template_stale' });
    assert.ok(!existsSync(file(id, '')));
    await nothingHeld();
  });

  it('is stale when it has no manifest, as after a crash in the middle of a freeze', async () => {
    const { id } = await spare();
    await writeFile(file(id, 'manifest.json'), (await readFile(file(id, 'manifest.json'))).subarray(0, 100));
    await at.reopen();
    await assert.rejects(at.thaw({ template: id }), { code: 'template_stale' });
    assert.ok(!existsSync(file(id, '')));
  });

  it('is stale, with what differs, for another kernel, image or agent, and is none again for the old one', async () => {
    const { id } = await at.scripted();
    const stale = (what: RegExp) => (error: Error & { code?: string }) => {
      assert.equal(error.code, 'template_stale');
      assert.match(error.message, what);
      return true;
    };
    await at.reopen((set) => ({ ...set, kernel: { ...set.kernel, release: '9.9.9' } }));
    await assert.rejects(at.thaw({ template: id }), stale(/another kernel\./));
    await at.reopen((set) => ({ ...set, agent: { ...set.agent, hash: 'other' } }));
    await assert.rejects(at.thaw({ template: id }), stale(/another agent\./));
    await at.reopen(({ images: { node, ...images }, ...set }) => ({
      ...set,
      images: { ...images, ...(node && { node: { ...node, hash: 'other' } }) },
    }));
    await assert.rejects(at.thaw({ template: id }), stale(/another image\./));
    await at.reopen();
    const vm = await at.thaw({ template: id });
    assert.equal(await ask(vm, 'return 1'), 1);
    await at.host.end(vm.id);
  });

  it('is stale when the disk that it stands on is gone', async () => {
    const { id } = await spare();
    const vm = await at.thaw({ template: id, memory: 'own' });
    const above = await at.host.freeze(vm.id, { labels: {} });
    await at.host.removeTemplate(id);
    await assert.rejects(at.thaw({ template: above.id }), { code: 'template_stale' });
    await at.host.removeTemplate(above.id);
    await at.host.removeTemplate(above.id);
  });
});
