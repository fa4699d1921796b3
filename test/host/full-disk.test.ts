import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../platform/host/run.ts';
import { openTestHost, SHAPE, shell } from '../fixtures/host.ts';

const MIB = 1024 * 1024;
const FILE_MIB = 300;

test('a guest that writes when this host has no room waits, and loses nothing', async () => {
  await using stack = new AsyncDisposableStack();
  const mount = await mkdtemp('/tmp/thaw-full-');
  stack.defer(() => rm(mount, { recursive: true, force: true }));
  const size = (mib: number) => `size=${mib}m`;
  await run(['mount', '-t', 'tmpfs', '-o', size(SHAPE.memoryMiB + 150), 'thaw-full', mount]);
  stack.defer(async () => {
    await run(['umount', mount]);
  });
  await using at = await openTestHost({ data: `${mount}/data` });
  const { id: template } = await at.host.runtimeTemplate('base', SHAPE);
  const { id } = await at.thaw({ template, memory: 'own' });
  // Its memory is a file there too, and has its room from the start: this test is about its disk.
  await run(['fallocate', '-l', `${SHAPE.memoryMiB}M`, `${mount}/data/vms/${id}/memory`]);
  const write = `head -c ${FILE_MIB}M /dev/urandom >/file && sync && sha256sum /file | tee /sum`;
  const written = (async () => {
    let text = '';
    // Longer than `shell` waits: it stands still for a while.
    const request = { argv: ['sh', '-c', write], user: 'root' as const, cwd: '/', timeoutMs: 120_000 };
    for await (const event of at.host.exec(id, request)) {
      if (event.kind === 'stdout') text += Buffer.from(event.data).toString();
    }
    return text.trim();
  })();
  written.catch(() => {}); // awaited below
  const left = async () => {
    const { bavail, bsize } = await statfs(mount);
    return bavail * bsize;
  };
  for (let tries = 0; tries < 400 && (await left()) > MIB; tries += 1) await sleep(50);
  const early = await Promise.race([written, sleep(3_000, 'it waits')]);
  assert.equal(early, 'it waits');
  await run(['mount', '-o', `remount,${size(2_000)}`, mount]);
  const sum = await written;
  assert.match(sum, /^[0-9a-f]{64} {2}\/file$/);
  assert.equal(await shell(at.host, id, 'echo 3 >/proc/sys/vm/drop_caches; sha256sum /file'), sum);
  await at.host.end(id);
});
