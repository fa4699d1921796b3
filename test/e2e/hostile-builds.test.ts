import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, type Settings, startServer } from '../fixtures/server.ts';

const HELLO = 'export default () => new Response("hello");\n';
/** For the one that would never end; the others need longer on a busy machine. */
const SHORT_LIMIT_MS = 8_000;
/** Far more than an answer takes while two processors are busy with a build, far less than a build takes. */
const PATIENCE_MS = 5_000;

/** What a build does, and the limit that it is told. */
const HOSTILE: { name: string; script: string; says: RegExp; settings?: Settings }[] = [
  {
    name: 'fills its disk',
    script: 'dd if=/dev/zero of=big bs=1M count=100000',
    says: /The build filled its disk\./,
  },
  {
    name: 'forks without end',
    script: 'mkfifo never && while :; do (read line < never) & done',
    says: /The build started more processes than it may\./,
  },
  {
    name: 'takes all the memory',
    script: `node --max-old-space-size=8000 -e "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))"`,
    says: /The build ran out of memory\./,
  },
  {
    name: 'floods its log',
    script: 'yes "$(head -c 4000 /dev/zero | tr "\\\\0" x)"',
    says: /The build wrote more than 16 MiB of output\./,
  },
  {
    name: 'sleeps for ever',
    script: 'sleep infinity',
    says: /The build took longer than 8 s\./,
    settings: { THAW_BUILD_TIMEOUT_MS: SHORT_LIMIT_MS },
  },
];

describe('a build that', () => {
  let server: ServerFixture;
  before(async () => {
    server = await startServer({
      THAW_BUILD_DISK_MB: 256,
      THAW_IDLE_MS: 120_000,
    });
    await using tree = await WorkTree.create({ 'index.js': HELLO });
    const pushed = await tree.push(server.remote('neighbour'));
    assert.equal(pushed.code, 0, pushed.text);
  });
  after(() => server[Symbol.asyncDispose]());

  for (const { name, script, says, settings } of HOSTILE) {
    test(`${name} is ended by that limit, and the neighbours are answered meanwhile`, async (context) => {
      if (settings !== undefined) {
        await server.stop();
        await server.start(settings);
      }
      const app = name.replaceAll(' ', '-');
      await using tree = await WorkTree.create({
        'package.json': JSON.stringify({ scripts: { build: script, start: 'node server.js' } }),
        'server.js': '',
      });
      let building = true;
      const pushing = tree.push(server.remote(app)).finally(() => {
        building = false;
      });
      const edge = new EdgeClient(server.config, 'neighbour');
      const waits: number[] = [];
      while (building) {
        const began = performance.now();
        assert.equal((await edge.ask()).text, 'hello');
        waits.push(performance.now() - began);
        await sleep(200);
      }
      const pushed = await pushing;
      assert.notEqual(pushed.code, 0);
      assert.match(pushed.text, says);
      const slowest = Math.max(...waits);
      context.diagnostic(`${waits.length} answers meanwhile, the slowest after ${slowest.toFixed(0)} ms`);
      assert.ok(slowest < PATIENCE_MS, `${slowest} ms`);
      const [deployment] = await server.thaw.deployments.list(app);
      assert.equal(deployment?.status, 'failed');
      assert.match(deployment?.error ?? '', says);
    });
  }
});
