import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, runShim } from './running-shim.ts';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);

const text = async (url: string) => (await fetch(url)).text();

test('Math.random follows the entropy of the thaw', async () => {
  await using shim = await runShim('export default () => new Response([Math.random(), Math.random()].join());');
  const afterThaw = async (entropy: string) => {
    assert.equal(await shim.tell(`thaw ${entropy}`), 'ok');
    return text(shim.url);
  };
  const first = await afterThaw(A);
  assert.notEqual(await text(shim.url), first);
  assert.notEqual(await afterThaw(B), first);
  assert.equal(await afterThaw(A), first);
  for (const number of first.split(',').map(Number)) assert.ok(number >= 0 && number < 1);
});

test("a library's store of random bytes is filled again, a short key is not", async () => {
  await using shim = await runShim(`
    import crypto, { randomFillSync } from 'node:crypto';
    const stores = [randomFillSync(Buffer.alloc(512)), globalThis.crypto.getRandomValues(new Uint8Array(256)), randomFillSync(Buffer.alloc(32))];
    export default () => Response.json(stores.map((store) => Buffer.from(store).toString('hex')));`);
  const before = JSON.parse(await text(shim.url));
  assert.equal(await shim.tell(`thaw ${A}`), 'ok');
  const after = JSON.parse(await text(shim.url));
  assert.deepEqual(
    before.map((store: string, at: number) => store === after[at]),
    [false, false, true],
  );
});

test('crypto keeps its behaviour', async () => {
  await using shim = await runShim(`
    import { randomInt, randomUUID } from 'node:crypto';
    import { promisify } from 'node:util';
    const thrown = (code) => { try { code() } catch (error) { return error.code } };
    export default async () => Response.json([
      Array.from({ length: 50 }, () => randomInt(3, 6)), await promisify(randomInt)(1), thrown(() => randomInt(2, 1)), thrown(() => randomInt('a')),
      randomUUID(), crypto.randomUUID(), randomUUID.name,
    ]);`);
  const [numbers, zero, range, type, ...ids] = JSON.parse(await text(shim.url));
  assert.deepEqual([...new Set(numbers)].sort(), [3, 4, 5]);
  assert.deepEqual([zero, range, type], [0, 'ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_TYPE']);
  assert.match(ids.join(), /^[0-9a-f-]{36},[0-9a-f-]{36},randomUUID$/);
});

test("the code's afterThaw is waited for; what it throws fails the thaw", async () => {
  await using shim = await runShim(`
    let count = 0;
    export async function afterThaw() { await new Promise((resolve) => setTimeout(resolve, 50)); if (++count > 1) throw new Error('no\\nway'); }
    export default () => new Response(String(count));`);
  assert.equal(await shim.tell(`thaw ${A}`), 'ok');
  assert.equal(await text(shim.url), '1');
  assert.equal(await shim.tell(`thaw ${A}`), 'error no way');
});

test('an afterThaw that takes too long fails the thaw', async () => {
  await using shim = await runShim(
    'export const afterThaw = () => new Promise(() => {}); export default () => new Response();',
  );
  assert.equal(await shim.tell(`thaw ${A}`), 'error afterThaw took longer than 2000 ms');
});

test('background work is told to the agent', async () => {
  await using shim = await runShim(`
    export default { fetch(request, env, ctx) {
      if (request.headers.has('x-probe')) return new Response();
      ctx.waitUntil(new Promise((resolve, reject) => setTimeout(reject, 50, new Error('work failed'))));
      return new Response();
    } };`);
  await text(shim.url);
  assert.deepEqual([await shim.heard(), await shim.heard()], ['pending 1', 'pending 0']);
  assert.match(shim.errors(), /work failed/);
});

test('a waiting shim answers its rehearsal, then loads what it is told', async () => {
  const loadPort = await freePort();
  await using shim = await runShim(undefined, { THAW_LOAD_PORT: String(loadPort) });
  assert.equal((await fetch(shim.url)).status, 200);
  assert.equal(await shim.tell(`thaw ${A}`), 'ok');
  await writeFile(join(shim.directory, 'later.mjs'), 'export default () => Response.json(process.env);');
  const ordered = await fetch(`http://127.0.0.1:${loadPort}/`, {
    method: 'POST',
    body: JSON.stringify({ entry: 'later.mjs', name: 'index.ts', env: { MINE: 'yes', PORT: '1', THAW_X: 'no' } }),
  });
  assert.equal(ordered.status, 202);
  while (
    !(
      await fetch(shim.url).then(
        (answer) => answer.text(),
        () => '',
      )
    ).includes('MINE')
  )
    await sleep(20);
  assert.deepEqual(JSON.parse(await text(shim.url)), { MINE: 'yes' });
  await assert.rejects(fetch(`http://127.0.0.1:${loadPort}/`));
});

test('a shim that starts without compilers switches them on after its first answer', async () => {
  const source = `
    const run = (n) => { let sum = 0; for (let i = 0; i < n; i++) sum = (sum + i * 7) % 1000003; return sum; };
    export default () => { for (let i = 0; i < 20; i++) run(1e5); return new Response(String(%GetOptimizationStatus(run))) };`;
  const flags = ['--no-opt', '--no-maglev', '--no-sparkplug', '--allow-natives-syntax'];
  await using shim = await runShim(source, {}, flags);
  const warmup = { headers: { 'x-thaw-warmup': '1' } };
  const interpreted = await (await fetch(shim.url, warmup)).text();
  for (let round = 0; round < 3; round++) assert.equal(await (await fetch(shim.url, warmup)).text(), interpreted);
  assert.equal(await text(shim.url), interpreted);
  while ((await text(shim.url)) === interpreted) await sleep(50);
});
