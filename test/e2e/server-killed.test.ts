import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { deploymentTemplates, vmmProcesses } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const says = (text: string) => `export default () => new Response(${JSON.stringify(text)});\n`;

describe('a server that is killed', () => {
  let server: ServerFixture;
  let tree: WorkTree;
  let edge: EdgeClient;
  before(async () => {
    server = await startServer({ THAW_IDLE_MS: 60_000 });
    tree = await WorkTree.create({ 'index.js': says('0') });
    edge = new EdgeClient(server.config, 'tough');
    const pushed = await tree.push(server.remote('tough'));
    assert.equal(pushed.code, 0, pushed.text);
  });
  after(async () => {
    await tree[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test('takes back the instances that run, under the same id', async () => {
    const cold = await edge.ask();
    assert.equal(cold.start, 'cold', cold.text);
    const ids = (await server.thaw.instances.list()).map(({ id }) => id);
    await server.stop('SIGKILL');
    await server.start();
    assert.deepEqual(
      (await server.thaw.instances.list()).map(({ id }) => id),
      ids,
    );
    const warm = await edge.ask();
    assert.equal(warm.text, '0');
    assert.equal(warm.start, 'warm');
  });

  test('during a push: the ref, the release and what answers agree afterwards', async () => {
    const moments: [string, (push: ReturnType<WorkTree['start']>) => Promise<unknown>][] = [
      ['while it builds', () => sleep(300)],
      ['while it builds, later', () => sleep(1200)],
      ['while it bakes', () => sleep(2200)],
      ['as it is released', (push) => push.seen(/Frozen/)],
    ];
    for (const [number, [moment, wait]] of moments.entries()) {
      const text = `${number + 1}`;
      const commit = await tree.commit({ 'index.js': says(text) });
      const push = tree.start(['push', '--force', server.remote('tough'), 'main']);
      await wait(push).catch(() => {});
      await server.stop('SIGKILL');
      await push.done;
      await server.start();

      const ref = (await tree.git('ls-remote', server.remote('tough'), 'refs/heads/main')).text.slice(0, 40);
      const [release] = (await server.thaw.releases.list('tough')).toSorted((a, b) => b.number - a.number);
      const deployments = await server.thaw.deployments.list('tough');
      const released = deployments.find(({ id }) => id === release?.deployment);
      assert.equal(released?.commit, ref, `${moment}: the ref and the release`);
      assert.ok(!deployments.some(({ status }) => status === 'building'), `${moment}: nothing is still building`);
      const answer = await edge.ask();
      assert.equal(answer.status, 200, `${moment}: ${answer.text}`);
      if (ref === commit) assert.equal(answer.text, text, moment);
      else assert.notEqual(answer.text, text, moment);

      const ready = deployments.filter(({ status }) => status === 'ready').length;
      assert.equal((await deploymentTemplates(server.config.data)).length, ready, `${moment}: templates`);
      const running = new Set((await server.thaw.instances.list()).map(({ id }) => id));
      for (const vm of (await vmmProcesses(server.config.serverId)).keys()) {
        assert.ok(running.has(vm), `${moment}: a VM that nobody owns`);
      }
    }
  });

  test('during a thaw: the next one answers, and nothing is orphaned', async () => {
    await server.stop();
    await server.start({ THAW_IDLE_MS: 300 });
    for (const delay of [20, 80, 150]) {
      await server.asleep();
      const cut = edge.ask().catch(() => undefined);
      await sleep(delay);
      await server.stop('SIGKILL');
      await cut;
      await server.start({ THAW_IDLE_MS: 300 });
      const answer = await edge.ask();
      assert.equal(answer.status, 200, answer.text);
    }
    await server.asleep();
  });
});
