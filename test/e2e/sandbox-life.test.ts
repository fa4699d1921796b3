import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRecord } from '../../platform/host/vms/record.ts';
import type { Sandbox } from '../../platform/sdk/index.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { vmmProcesses } from '../fixtures/machine-state.ts';
import { sandboxStand } from './sandbox-stand.ts';

describe('the life of a sandbox', () => {
  const at = sandboxStand();
  const { create, refusal, listen } = at;
  /** Process ids of VMMs, without those of VMs that the server makes for itself. */
  const sandboxProcesses = async () => {
    const { data, serverId } = at.server.config;
    const all = await vmmProcesses(serverId);
    for (const id of [...all.keys()]) {
      const record = await readRecord(join(data, 'vms', id));
      if (record?.labels.role !== 'sandbox') all.delete(id);
    }
    return all;
  };

  test('pause keeps processes and memory; using it lets it go on', async () => {
    await using sandbox = await create({ template: 'node', ttlSeconds: 600, ports: 'public' });
    await listen(sandbox);
    const edge = new EdgeClient(at.server.config, `8000-${sandbox.id}`);
    assert.equal((await edge.ask('/a')).json.count, 1);
    assert.equal((await edge.ask('/b')).json.count, 2);
    const paused = await sandbox.pause();
    assert.deepEqual([paused.state, paused.endsAt], ['paused', null]);
    assert.equal((await sandboxProcesses()).size, 0);
    assert.deepEqual((await sandbox.pause()).state, 'paused', 'once more is no error');
    // The edge wakes it, as it does an app that sleeps.
    const answer = await edge.ask('/c');
    assert.deepEqual([answer.status, answer.json?.count, answer.start], [200, 3, 'resumed'], answer.text);
    assert.equal((await sandbox.refresh()).state, 'running');
    await sandbox.pause();
    assert.equal((await sandbox.exec('echo awake')).stdout, 'awake\n');
    await sandbox.pause();
    const resumed = await sandbox.resume({ ttlSeconds: 100 });
    assert.deepEqual([resumed.state, resumed.ttlSeconds], ['running', 100]);
    assert.equal((await edge.ask('/d')).json.count, 4);
  });

  test('fork copies running processes, each on its own from then on', async () => {
    await using parent = await create({ template: 'node', ports: 'public', metadata: { of: 'fork' } });
    await listen(parent);
    const ask = async (sandbox: Sandbox) =>
      (await new EdgeClient(at.server.config, `8000-${sandbox.id}`).ask('/')).json.count as number;
    assert.equal(await ask(parent), 1);
    const [one, other] = await parent.fork(2);
    assert.ok(one && other);
    assert.deepEqual([await ask(one), await ask(one), await ask(other), await ask(parent)], [2, 3, 2, 2]);
    assert.deepEqual([one.info.parent, one.info.metadata], [parent.id, { of: 'fork' }]);
    const random = await Promise.all([one, other, parent].map((it) => it.exec('cat /proc/sys/kernel/random/uuid')));
    assert.equal(new Set(random.map(({ stdout }) => stdout)).size, 3);
    await parent.kill();
    assert.equal(await ask(other), 3, 'it does not need its parent');
  });

  test('a snapshot becomes a template with versions, which sandboxes go on from', async () => {
    await using sandbox = await create();
    await sandbox.exec('echo first > note');
    assert.deepEqual((await sandbox.snapshot('mine')).version, 1);
    await sandbox.exec('echo second > note');
    assert.deepEqual((await sandbox.snapshot('mine')).version, 2);
    const note = async (template: string) => {
      await using made = await create({ template });
      return [made.info.template, await made.files.read('/app/note')];
    };
    assert.deepEqual(await note('mine'), ['mine:2', 'second\n']);
    assert.deepEqual(await note('mine:1'), ['mine:1', 'first\n']);
    assert.equal((await sandbox.exec('cat note')).stdout, 'second\n', 'it goes on');

    await using stands = await create({ template: 'mine:1' });
    await stands.pause();
    assert.equal((await refusal(create({ template: 'mine', memoryMiB: 1024 }))).code, 'invalid_input');
    assert.equal((await refusal(create({ template: 'mine:9' }))).code, 'not_found');
    assert.equal((await refusal(sandbox.snapshot('python'))).code, 'invalid_input');
    assert.equal((await refusal(sandbox.snapshot('No_Name'))).code, 'invalid_input');
    const removed = await at.server.thaw.templates.remove('mine');
    assert.deepEqual(removed.map(({ version }) => version).sort(), [1, 2]);
    assert.equal((await refusal(create({ template: 'mine:1' }))).code, 'not_found');
    assert.equal((await stands.exec('cat note')).stdout, 'first\n', 'what stands on it goes on');
    assert.deepEqual((await sandbox.snapshot('mine')).version, 3, 'no number is given twice');
    await at.server.thaw.templates.remove('mine:3');
    assert.deepEqual(
      (await at.server.thaw.templates.list()).map(({ name }) => name),
      ['base', 'node', 'python', 'code-interpreter'],
    );
  });

  test('its time ends it, or pauses it where that was asked for; it can be set anew', async () => {
    const events = new AbortController();
    const told: string[] = [];
    const listening = (async () => {
      for await (const { type, reason } of at.server.thaw.sandboxes.events({ signal: events.signal })) {
        told.push(reason === undefined ? type : `${type} ${reason}`);
      }
    })().catch(() => {});
    await sleep(200);
    const short = await create({ ttlSeconds: 2 });
    const kept = await create({ ttlSeconds: 2, autoPause: true });
    const longer = await create({ ttlSeconds: 2 });
    await longer.setTimeout(600);
    const ends = await Array.fromAsync(short.events());
    assert.deepEqual(
      ends.map(({ type, reason }) => [type, reason]),
      [['ended', 'ttl']],
    );
    assert.deepEqual((await short.refresh()).endReason, 'ttl');
    assert.match((await refusal(short.exec('true'))).message, /its time was up/);
    while ((await kept.refresh()).state !== 'paused') await sleep(50);
    assert.equal((await kept.exec('echo here')).stdout, 'here\n');
    assert.equal((await longer.refresh()).state, 'running');
    await longer.kill();
    await kept.kill();
    events.abort();
    await listening;
    assert.deepEqual(told.filter((event) => event === 'created').length, 3);
    for (const event of ['ended ttl', 'paused', 'resumed', 'ended killed']) assert.ok(told.includes(event), event);
    assert.deepEqual(await Array.fromAsync(short.events()), [
      { type: 'ended', sandbox: short.id, project: 'default', at: short.info.endedAt, reason: 'ttl' },
    ]);
  });

  test('one whose machine ends by itself says so', async () => {
    const sandbox = await create();
    const processes = await sandboxProcesses();
    assert.equal(processes.size, 1);
    const running = refusal(sandbox.exec('sleep 100'));
    await sleep(300);
    for (const pid of processes.values()) process.kill(pid, 'SIGKILL');
    const ended = await Array.fromAsync(sandbox.events());
    assert.deepEqual(ended.at(-1)?.reason, 'crashed');
    const { code, message } = await running;
    assert.deepEqual([code, /ended by itself/.test(message)], ['gone', true], message);
    assert.equal((await sandbox.refresh()).endReason, 'crashed');
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`after ${signal} of the server all are there as they were`, async () => {
      const running = await create({ template: 'node', ports: 'public', environment: { KEPT: 'yes' } });
      await listen(running);
      const edge = new EdgeClient(at.server.config, `8000-${running.id}`);
      assert.equal((await edge.ask('/')).json.count, 1);
      const paused = await create();
      await paused.exec('echo kept > note');
      await paused.pause();
      const short = await create({ ttlSeconds: 3 });
      const idle = await create();
      assert.equal((await idle.exec('echo kept > note')).exitCode, 0);
      await at.server.stop(signal);
      if (signal === 'SIGKILL') {
        const vm = (await sandboxProcesses()).keys();
        assert.equal([...vm].length, 3);
      }
      await sleep(3000);
      await at.server.start();
      assert.deepEqual((await running.refresh()).state, 'running');
      assert.equal((await edge.ask('/')).json.count, 2, 'its processes go on');
      assert.equal((await running.exec('echo $KEPT')).stdout, 'yes\n');
      assert.equal((await paused.refresh()).state, 'paused');
      assert.equal((await paused.exec('cat note')).stdout, 'kept\n');
      while ((await short.refresh()).state !== 'ended') await sleep(50);
      assert.equal(short.info.endReason, 'ttl');
      assert.deepEqual([(await idle.refresh()).state, idle.info.endReason], ['running', null]);
      assert.equal((await idle.exec('cat note')).stdout, 'kept\n');
    });
  }

  test('one whose machine is gone at a restart has ended', async () => {
    const sandbox = await create();
    await at.server.stop('SIGKILL');
    for (const pid of (await sandboxProcesses()).values()) process.kill(pid, 'SIGKILL');
    await at.server.start();
    assert.deepEqual([(await sandbox.refresh()).state, sandbox.info.endReason], ['ended', 'host']);
  });
});
