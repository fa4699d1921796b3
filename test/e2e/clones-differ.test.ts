import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { startServer } from '../fixtures/server.ts';

const CLONES = 12;
/** Longest that clocks may be apart. */
const CLOCK_MS = 500;

/** Tells everything that two copies of one memory would have in common; stays busy so that no clone answers twice. */
const TELLTALE = `import { readFileSync, openSync, readSync } from 'node:fs';
import { hostname } from 'node:os';
import { randomBytes, randomInt, randomUUID, generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
const read = (path) => readFileSync(path, 'utf8').trim();
const urandom = () => { const bytes = Buffer.alloc(16); readSync(openSync('/dev/urandom', 'r'), bytes); return bytes.toString('hex'); };
export default { async fetch(request) {
  if (request.headers.get('x-thaw-warmup')) return new Response('warm');
  const now = Date.now();
  const told = {
    urandom: urandom(), uuid: randomUUID(), webUuid: crypto.randomUUID(), bytes: randomBytes(16).toString('hex'),
    values: Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex'), math: Math.random(), int: randomInt(2 ** 47),
    key: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x,
    hostname: hostname(), hostnameFile: read('/etc/hostname'), machineId: read('/etc/machine-id'), bootId: read('/proc/sys/kernel/random/boot_id'),
  };
  await sleep(3000);
  return Response.json({ now, told });
} };
`;

test(`${CLONES} clones thawed at once differ in everything that should differ, and know the time`, async () => {
  await using server = await startServer({ THAW_MAX_INSTANCES: CLONES, THAW_SOFT_LIMIT: 1, THAW_IDLE_MS: 5000 });
  await using tree = await WorkTree.create({ 'index.js': TELLTALE });
  const pushed = await tree.push(server.remote('telltale'));
  assert.equal(pushed.code, 0, pushed.text);

  const edge = new EdgeClient(server.config, 'telltale');
  const answers = await Promise.all(
    Array.from({ length: CLONES }, async () => {
      const answer = await edge.ask();
      return { ...answer, received: Date.now() };
    }),
  );
  for (const { status, text } of answers) assert.equal(status, 200, text);
  const instances = new Set(answers.map(({ json }) => json.told.hostname));
  assert.ok(instances.size > CLONES / 2, `only ${instances.size} clones answered`);

  const first = new Map(answers.map(({ json }) => [json.told.hostname as string, json]));
  for (const name of Object.keys(answers[0]?.json.told)) {
    const values = [...first.values()].map(({ told }) => told[name]);
    assert.equal(new Set(values).size, first.size, `${name} is the same in some clones: ${values.join(' ')}`);
  }
  for (const { json, received, ms } of answers) {
    // The guest read its clock at some moment of the request.
    const [earliest, latest] = [received - ms - CLOCK_MS, received + CLOCK_MS];
    assert.ok(json.now >= earliest && json.now <= latest, `clock ${json.now}, request ${earliest} to ${latest}`);
  }
});
