import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { ask, openTestHost, shell } from '../fixtures/host.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const CLONES = 12;
const DAY_MS = 86_400_000;
/** Most that a clone's clock may differ from the host's. */
const CLOCK_MS = 500;

/** Tells at once what should be its own, and keeps its place for as long as the client listens. */
const CODE = `import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { openSync, readFileSync, readSync } from 'node:fs';
import { hostname } from 'node:os';
const urandom = openSync('/dev/urandom', 'r');
randomUUID(); Math.random(); randomBytes(16); randomInt(2 ** 40);
export default () => {
  const kernel = Buffer.alloc(16);
  readSync(urandom, kernel);
  const own = {
    urandom: kernel.toString('hex'),
    randomUUID: randomUUID(),
    randomBytes: randomBytes(16).toString('hex'),
    randomInt: randomInt(2 ** 40),
    random: Math.random(),
    webCrypto: globalThis.crypto.randomUUID(),
    hostname: hostname(),
    machineId: readFileSync('/etc/machine-id', 'utf8').trim(),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  };
  const line = JSON.stringify({ own, clock: Date.now() }) + '\\n';
  return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(line)) }));
};
`;

describe('clones of one template', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  before(async () => {
    server = stack.use(await startServer({ THAW_MAX_INSTANCES: CLONES, THAW_SOFT_LIMIT: 1 }));
  });
  after(() => stack.disposeAsync());

  test(`differ in everything that should, on their first request, ${CLONES} thawed at once`, async () => {
    await using tree = await WorkTree.create({ 'index.js': CODE });
    const { code, text } = await tree.push(server.remote('clones'));
    assert.equal(code, 0, text);
    const edge = new EdgeClient(server.config, 'clones');
    const answers = await Promise.all(
      Array.from({ length: CLONES }, async () => {
        const sent = Date.now();
        const answer = await edge.open();
        return { answer, sent, said: await firstLine(answer), received: Date.now() };
      }),
    );
    for (const { answer } of answers) answer.destroy();
    for (const { answer, sent, said, received } of answers) {
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.headers['x-thaw-start'], 'cold');
      assert.ok(
        said.clock >= sent - CLOCK_MS && said.clock <= received + CLOCK_MS,
        `clock ${said.clock - received} ms off`,
      );
    }
    const all = answers.map(({ said }) => said.own);
    for (const name of Object.keys(all[0] ?? {})) {
      const values = new Set(all.map((own) => own[name]));
      assert.equal(values.size, CLONES, `${name}: ${[...values].join(', ')}`);
    }
    for (const own of all) {
      assert.match(String(own.machineId), /^[0-9a-f]{32}$/);
      assert.match(String(own.bootId), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    }
    await server.asleep();
  });
});

test('a clone of a template that is a day old has the time of now', async () => {
  await using machine = await openTestHost();
  const original = await machine.thaw({ memory: 'own' });
  await shell(machine.host, original.id, `date -s @${Math.round((Date.now() - DAY_MS) / 1000)}`);
  const past = await ask<number>(original, 'return Date.now()');
  assert.ok(Math.abs(Date.now() - DAY_MS - past) < 60_000, 'the clock was put back');
  const { id } = await machine.host.freeze(original.id, { labels: {} });
  const clone = await machine.thaw({ template: id });
  const sent = Date.now();
  const clock = await ask<number>(clone, 'return Date.now()');
  const received = Date.now();
  assert.ok(clock >= sent - CLOCK_MS && clock <= received + CLOCK_MS, `${clock - received} ms off`);
});

interface Said {
  own: Record<string, string | number>;
  clock: number;
}

async function firstLine(answer: IncomingMessage): Promise<Said> {
  let text = '';
  const pieces = answer.setEncoding('utf8')[Symbol.asyncIterator]();
  while (!text.includes('\n')) {
    const { done, value } = await pieces.next();
    assert.ok(!done, `ended after ${text}`);
    text += value;
  }
  return JSON.parse(text);
}
