import assert from 'node:assert/strict';
import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Running, WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { artifacts, deploymentTemplates, gitProcesses, vmmProcesses } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const code = (version: number) => `import { hostname } from 'node:os';
export default () => Response.json({ version: ${version}, hostname: hostname() });
`;

describe('kill -9 of the server', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let tree: WorkTree;
  let edge: EdgeClient;
  let newest = 0;
  /** What answers. */
  let live = 0;
  /** The version that each commit holds. */
  const versions = new Map<string, number>();

  before(async () => {
    server = stack.use(await startServer());
    tree = stack.use(await WorkTree.create({}));
    live = await next();
    const { code, text } = await tree.push(server.remote('app'));
    assert.equal(code, 0, text);
    edge = new EdgeClient(server.config, 'app');
  });
  after(() => stack.disposeAsync());

  /** Commits a new version. */
  async function next(): Promise<number> {
    newest += 1;
    versions.set(await tree.commit({ 'index.js': code(newest) }), newest);
    return newest;
  }

  /** Ref, deployments and releases say the same, the edge answers so, and nothing is there that belongs to none of them. */
  async function agreed(): Promise<number> {
    const { data } = server.config;
    const [commit = ''] = (await tree.git('ls-remote', server.remote('app'), 'main')).text.split('\t');
    const deployments = await server.thaw.deployments.list('app');
    const [release] = await server.thaw.releases.list('app');
    const released = deployments.find(({ id }) => id === release?.deployment);
    assert.equal(released?.commit, commit, 'the ref is what is released');
    assert.ok(deployments.every(({ status }) => status === 'ready' || status === 'failed'));
    const answer = await edge.ask();
    assert.equal(answer.status, 200, `${answer.text}\n${server.log().slice(-3000)}`);
    assert.equal(answer.json.version, versions.get(commit));

    const ready = deployments.flatMap(({ id, status }) => (status === 'ready' ? [id] : [])).sort();
    assert.deepEqual((await artifacts(data)).sort(), ready, 'each ready deployment has its artifact');
    const templates = await deploymentTemplates(data);
    assert.deepEqual(templates.map(({ labels }) => labels.deployment).sort(), ready, 'and its template');
    await server.asleep();
    const { claims, files } = await server.holdings();
    assert.deepEqual(files, []);
    assert.ok(claims.length <= 12, `slots: ${claims}`);
    const objects = await readdir(join(data, 'repos'), { recursive: true });
    assert.deepEqual(
      objects.filter((name) => /tmp_objdir-[^/]*$|\.lock$/.test(name)),
      [],
    );
    assert.deepEqual(await gitProcesses(data), []);
    live = answer.json.version;
    return live;
  }

  /** Pushes a new version, kills the server at the moment, starts it again. Gives back the version before and the new one. */
  async function killedDuringPush(moment: (push: Running) => Promise<unknown>) {
    const old = live;
    const fresh = await next();
    const push = tree.start(['push', server.remote('app'), 'main']);
    await Promise.race([moment(push), push.done]);
    await server.stop('SIGKILL');
    const { text } = await push.done;
    await server.start();
    return { old, fresh, text };
  }

  test('leaves running instances to the next server, which goes on with them', async () => {
    await server.stop();
    await server.start({ THAW_IDLE_MS: 60_000 });
    const { json } = await edge.ask();
    await server.stop('SIGKILL');
    assert.equal((await vmmProcesses(server.config.serverId)).size, 1);
    await server.start();
    const answer = await edge.ask();
    assert.equal(answer.start, 'warm');
    assert.equal(answer.json.hostname, json.hostname);
    await agreed();
  });

  test('together with its VMs leaves nothing', async () => {
    await edge.ask();
    await server.stop('SIGKILL');
    for (const pid of (await vmmProcesses(server.config.serverId)).values()) process.kill(pid, 'SIGKILL');
    await server.start();
    const answer = await edge.ask();
    assert.equal(answer.start, 'cold');
    await agreed();
  });

  test('during a build leaves production as it was', async () => {
    const { old, text } = await killedDuringPush((push) => push.seen(/Bundling/));
    assert.match(text, /remote rejected|the remote end hung up|unexpected disconnect/);
    assert.equal(await agreed(), old);
  });

  test('while the code is frozen leaves production as it was', async () => {
    const templates = join(server.config.data, 'templates');
    const { old } = await killedDuringPush(() => appears(templates, (name) => name.startsWith('.making-')));
    assert.equal(await agreed(), old);
  });

  test('right after the bake leaves the ref and the release alike', async () => {
    const { old, fresh } = await killedDuringPush((push) => push.seen(/Frozen after/));
    const now = await agreed();
    assert.ok(now === old || now === fresh);
  });

  test('after git has moved the ref releases what was pushed', async () => {
    const [repository = ''] = (await readdir(join(server.config.data, 'repos'))).filter((name) =>
      /^a.*\.git$/.test(name),
    );
    const refs = join(server.config.data, 'repos', repository, 'refs', 'heads');
    const { fresh } = await killedDuringPush(() => appears(refs, (name) => name === 'main'));
    assert.equal(await agreed(), fresh);
  });

  for (const later of [0, 80, 160]) {
    test(`during a thaw (${later} ms after it began) leaves nothing`, async () => {
      await server.asleep();
      const began = appears(join(server.config.data, 'vms'), () => true);
      const asked = edge.ask().catch(() => undefined);
      await began;
      await sleep(later);
      await server.stop('SIGKILL');
      await asked;
      await server.start();
      await agreed();
    });
  }

  test('does not keep the next push from going through', async () => {
    const fresh = await next();
    const { code, text } = await tree.push(server.remote('app'));
    assert.equal(code, 0, text);
    assert.equal(await agreed(), fresh);
  });
});

/** Resolves when a file whose name fits appears in a directory. */
async function appears(directory: string, fits: (name: string) => boolean): Promise<void> {
  let watcher: FSWatcher | undefined;
  await new Promise<void>((resolve, reject) => {
    watcher = watch(directory, (_, name) => name !== null && fits(name) && resolve());
    watcher.once('error', reject);
  });
  watcher?.close();
}
