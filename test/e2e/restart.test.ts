import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { thaw } from '../cli/command.ts';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { allTemplates, deploymentTemplates, makeStale } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const MIB = 1024 * 1024;

const CODE = `console.log('loaded');
export default (request) => {
  const { searchParams, pathname } = new URL(request.url);
  if (pathname === '/write') {
    const line = 'x'.repeat(1000);
    for (let at = 0; at < Number(searchParams.get('lines')); at++) console.log(searchParams.get('name') + ' ' + at + ' ' + line);
  } else {
    console.log('heard ' + pathname);
    console.error('complaint about ' + pathname);
  }
  return new Response('here');
};
`;

describe('after a restart', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let edge: EdgeClient;

  before(async () => {
    server = stack.use(await startServer({ THAW_LOG_MB: 1, THAW_WAKE_TIMEOUT_MS: 120_000 }));
    await using tree = await WorkTree.create({ 'index.js': CODE });
    const { code, text } = await tree.push(server.remote('stays'));
    assert.equal(code, 0, text);
    edge = new EdgeClient(server.config, 'stays');
  });
  after(() => stack.disposeAsync());

  const logs = async (...args: string[]) => {
    const env = { THAW_URL: server.url, THAW_API_KEY: server.key };
    const { code, stdout, stderr } = await thaw(['logs', 'stays', ...args], { env });
    assert.equal(code, 0, stderr);
    return stdout;
  };

  test('the log is still there, and stays within its bound', async () => {
    await edge.ask('/one');
    await server.stop();
    await server.start();
    const entries = (await logs('--json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const said = entries.filter(({ stream }) => stream !== 'request').map(({ stream, line }) => `${stream} ${line}`);
    assert.deepEqual(said, ['stdout heard /one', 'stderr complaint about /one']);
    const [answered] = entries.filter(({ stream }) => stream === 'request');
    assert.match(answered.line, /^GET \/one 200 \d+ ms cold$/);
    for (const { instance } of entries) assert.match(instance, /^i\w{12}$/);

    for (let round = 0; round < 10; round++) {
      await edge.ask(`/write?name=round${round}&lines=300`);
      await server.asleep();
    }
    const directory = join(server.config.data, 'logs');
    const files = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.ndjson'));
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(directory, name))).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(total > MIB / 2 && total < 1.5 * MIB, `${total} bytes in ${files.length} files`);
    assert.match(await logs('--stream', 'stdout', '--tail', '1'), /round9 299 x/);
    assert.doesNotMatch(await logs('--tail', '10000'), /round0|heard/);
  });

  for (const what of ['vmm', 'accelerator', 'kernel'] as const) {
    test(`a template that was made by another ${what} is made again for the first request`, async () => {
      await edge.ask();
      await server.stop();
      const { data } = server.config;
      const [old] = await deploymentTemplates(data);
      assert.ok(old);
      // Another kernel: nothing that was frozen before fits, what stands beneath neither.
      const stale = what === 'kernel' ? await allTemplates(data) : [old];
      for (const { id } of stale) await makeStale(data, id, what);
      await server.start();
      const answer = await edge.ask();
      assert.equal(answer.text, 'here', answer.text);
      assert.equal(answer.start, 'cold');
      const now = await deploymentTemplates(data);
      assert.equal(now.length, 1, 'the old one is gone');
      assert.notEqual(now[0]?.id, old.id);
      assert.equal(now[0]?.labels.deployment, old.labels.deployment);
      await server.asleep();
      const again = await edge.ask();
      assert.equal(again.start, 'cold');
      assert.equal((await deploymentTemplates(data))[0]?.id, now[0]?.id, 'and the new one is kept');
    });
  }
});
