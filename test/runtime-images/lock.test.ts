import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { lock } from '../../runtime-images/cache/lock.ts';
import { NEVER, scratch } from './scratch.ts';

const LOCK_MODULE = pathToFileURL(join(import.meta.dirname, '../../runtime-images/cache/lock.ts')).href;

/** Another process that holds the lock until it is killed. */
async function otherHolder(path: string) {
  const program = `
    const { lock } = await import(${JSON.stringify(LOCK_MODULE)});
    await lock(${JSON.stringify(path)}, new AbortController().signal, () => {});
    process.stdout.write('held');
    setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('the second one waits until the first lets go', async () => {
  await using dir = await scratch();
  const path = join(dir.path, 'lock');
  const order: string[] = [];
  const first = await lock(path, NEVER, () => order.push('first waits'));
  const waiting = Promise.withResolvers<void>();
  const second = lock(path, NEVER, waiting.resolve).then(async (held) => {
    order.push('second has it');
    await held[Symbol.asyncDispose]();
  });
  await waiting.promise;
  order.push('first lets go');
  await first[Symbol.asyncDispose]();
  await second;
  assert.deepEqual(order, ['first lets go', 'second has it']);
});

test('a lock whose holder was killed is free', async () => {
  await using dir = await scratch();
  const path = join(dir.path, 'lock');
  const holder = await otherHolder(path);
  const waiting = Promise.withResolvers<void>();
  const mine = lock(path, NEVER, waiting.resolve);
  await waiting.promise;
  holder.kill('SIGKILL');
  await (await mine)[Symbol.asyncDispose]();
});

test('waiting for a lock can be given up', async () => {
  await using dir = await scratch();
  const path = join(dir.path, 'lock');
  await using _ = await lock(path, NEVER, () => {});
  const stop = new AbortController();
  await assert.rejects(
    lock(path, stop.signal, () => stop.abort()),
    { name: 'AbortError' },
  );
});
