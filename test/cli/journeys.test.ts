import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RUN, temporaryDirectory } from '../fixtures/control.ts';
import { startServer, type TestServer } from '../sdk/server.ts';
import { thaw } from './command.ts';

describe('commands on a real API', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer();
    // No key: the admin key of the server on this machine is found by its data directory.
    env = { THAW_URL: server.url, THAW_DATA: server.dataDir };
  });
  after(() => server[Symbol.asyncDispose]());

  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await thaw([...args, '--json'], { env });
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  async function release(app: string): Promise<string> {
    const { id } = await server.control.deployments.begin({ app, branch: 'main', commit: null });
    await server.control.deployments.ready(id, { kind: 'function', template: 't_1', run: RUN });
    await server.control.releases.create({ app, branch: 'main', deployment: id, reason: 'deploy' });
    return id;
  }

  test('apps: made, listed, opened, removed', async () => {
    const { app } = await json('apps', 'create', 'first');
    assert.equal(app.name, 'first');
    assert.equal(app.project, 'default');

    const { apps } = await json('apps');
    assert.deepEqual(apps, [app]);
    assert.ok(!Number.isNaN(Date.parse(apps[0].createdAt)));

    const listed = await thaw(['apps', 'list'], { env });
    const [head = '', line = ''] = listed.stdout.split('\n');
    assert.match(head, /^NAME +KIND +PROJECT +CREATED +ADDRESS$/);
    assert.match(line, /^first +- +default +(just now|\d+ s ago) +http:\/\/first\.localhost:8080\/$/);
    assert.equal(head.indexOf('ADDRESS'), line.indexOf('http:'));

    const opened = await thaw(['open', 'first'], { env });
    assert.equal(opened.stdout, 'http://first.localhost:8080/\n');

    assert.deepEqual(await json('apps', 'rm', 'first'), { removed: 'first' });
    assert.deepEqual(await json('apps'), { apps: [] });
  });

  test('what the server refuses is exit 1, with its reason and hint', async () => {
    const unknown = await thaw(['open', 'nothing'], { env });
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^Error: .*nothing/);
    assert.doesNotMatch(unknown.stderr, /^\s+at /m);

    const odd = await thaw(['apps', 'create', 'Not_A_Label', '--json'], { env });
    assert.equal(odd.code, 1);
    assert.equal(JSON.parse(odd.stdout).error.code, 'invalid_input');
  });

  test('releases: listed newest first; rollback goes to the one before, or the one named', async () => {
    await json('apps', 'create', 'rolled');
    const nothing = await thaw(['releases', 'rollback', 'rolled'], { env });
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /no earlier deployment on main/);

    const [one, two, three] = [await release('rolled'), await release('rolled'), await release('rolled')];
    const back = await json('releases', 'rollback', 'rolled');
    assert.equal(back.release.deployment, two);
    assert.equal(back.release.reason, 'rollback');
    const named = await thaw(['releases', 'rollback', 'rolled', one], { env });
    assert.equal(named.stdout, `Release 5 of rolled: ${one}.\n`);

    const { releases } = await json('releases', 'rolled');
    const order = releases.map((entry: { deployment: string }) => entry.deployment);
    assert.deepEqual(order, [one, two, three, two, one]);
    const { stdout } = await thaw(['releases', 'list', 'rolled'], { env });
    assert.match(stdout, /^BRANCH +NUMBER +DEPLOYMENT +REASON +CREATED\nmain +5 /);
  });

  test('ps: what runs, of all apps or of one', async () => {
    await json('apps', 'create', 'awake');
    server.instances.push({
      id: 'iabc',
      app: 'awake',
      deployment: 'd1',
      address: '10.200.0.2',
      startedAt: new Date(Date.now() - 125_000).toISOString(),
      state: 'running',
      requests: 2,
      phases: { queue: 1, thaw: 184 },
    });
    const { stdout } = await thaw(['ps'], { env });
    assert.match(stdout, /^INSTANCE .*\niabc +awake +d1 +10\.200\.0\.2 +2 min ago +185 ms +2\n$/);
    assert.equal((await json('ps', '--app', 'awake')).instances[0].requests, 2);
    assert.equal((await thaw(['ps', '--app', 'nothing'], { env })).code, 1);
  });

  test('keys: the secret is the only line on standard output, works, and ends when revoked', async () => {
    const made = await thaw(['keys', 'create', 'ci', '--scopes', 'read'], { env });
    assert.match(made.stdout, /^thw_\w+\n$/);
    assert.match(made.stderr, /not shown again/);
    const limited = { THAW_URL: server.url, THAW_API_KEY: made.stdout.trim() };
    assert.equal((await thaw(['apps'], { env: limited })).code, 0);
    const denied = await thaw(['apps', 'create', 'more'], { env: limited });
    assert.equal(denied.code, 1);
    assert.match(denied.stderr, /lacks the scope manage/);

    const { keys } = await json('keys');
    const key = keys.find((entry: { name: string }) => entry.name === 'ci');
    assert.deepEqual(key.scopes, ['read']);
    await json('keys', 'revoke', key.id);
    const refused = await thaw(['apps'], { env: limited });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /THAW_API_KEY is wrong, revoked or of another server/);
    assert.equal((await thaw(['keys', 'revoke', 'nonsense'], { env })).code, 1);
  });

  test('projects: a key of one sees nothing of another', async () => {
    assert.equal((await json('projects', 'create', 'acme')).project.name, 'acme');
    const { secret } = await json('keys', 'create', 'theirs', '--project', 'acme');
    const { stdout } = await thaw(['apps', '--json'], { env: { THAW_URL: server.url, THAW_API_KEY: secret } });
    assert.deepEqual(JSON.parse(stdout), { apps: [] });
    const names = (await json('projects')).projects.map((project: { name: string }) => project.name);
    assert.deepEqual(names.sort(), ['acme', 'default']);
    const both = await thaw(['keys', 'create', 'x', '--project', 'acme', '--admin'], { env });
    assert.equal(both.code, 2);
  });

  test('without a key it says where one comes from', async () => {
    const none = await thaw(['apps'], { env: { THAW_URL: server.url, THAW_DATA: '/nonexistent' } });
    assert.equal(none.code, 1);
    assert.match(none.stderr, /Set THAW_API_KEY, or THAW_DATA .* \/nonexistent\/admin\.key/);
  });

  test("another server's admin key is told apart", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'admin.key');
    await writeFile(file, `thw_${'0'.repeat(40)}\n`);
    const { code, stderr } = await thaw(['apps'], { env: { ...env, THAW_DATA: directory.path } });
    await rm(file);
    assert.equal(code, 1);
    assert.match(stderr, /admin\.key is of another server/);
  });

  test('doctor: asks the server that runs', async () => {
    const { code, stdout } = await thaw(['doctor'], { env });
    assert.equal(code, 0);
    assert.match(stdout, /^ok +qemu +7\.2\.0\nwarning +reflink +ext4 cannot\.\n +-> Use XFS\.\n$/);
    const examined = await json('doctor');
    assert.equal(examined.facts.accelerator, 'tcg');
    assert.equal(examined.findings.length, 2);
  });
});
