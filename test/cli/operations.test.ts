import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ThawError } from '../../platform/errors.ts';
import { RUN, temporaryDirectory } from '../fixtures/control.ts';
import { startServer, type TestServer } from '../sdk/server.ts';
import { thaw } from './command.ts';

const SECRET = 'hunter2-hunter2';

describe('commands that run apps', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer();
    env = { THAW_URL: server.url, THAW_DATA: server.dataDir };
  });
  after(() => server[Symbol.asyncDispose]());

  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await thaw([...args, '--json'], { env });
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const release = async (app: string, branch = 'main') => {
    const { id } = await server.control.deployments.begin({ app, branch, commit: null });
    await server.control.deployments.ready(id, { kind: 'function', template: 't_1', run: RUN });
    await server.control.releases.create({ app, branch, deployment: id, reason: 'deploy' });
    return id;
  };

  test('env: set, listed without values, pulled, unset; each change bakes anew what is released', async () => {
    await json('apps', 'create', 'vars');
    await release('vars');
    const set = await thaw(['env', 'set', 'vars', `PASSWORD=${SECRET}`, 'URL=http://x?a=b', 'EMPTY='], { env });
    assert.equal(set.code, 0, set.stderr);
    assert.match(set.stdout, /^Set PASSWORD, URL, EMPTY for production of vars\.\nRelease 2 of main: http:\/\/vars/);
    assert.match(set.stderr, /Baking main again/);
    assert.ok(!`${set.stdout}${set.stderr}`.includes(SECRET));
    const listed = await thaw(['env', 'list', 'vars'], { env });
    assert.match(listed.stdout, /^NAME +FOR +CHANGED\nEMPTY +production +(just now|\d+ s ago)\nPASSWORD /);
    assert.ok(!`${listed.stdout}${JSON.stringify(await json('env', 'vars'))}`.includes(SECRET));

    const pulled = await thaw(['env', 'pull', 'vars'], { env });
    assert.equal(pulled.stdout, `EMPTY=''\nPASSWORD=${SECRET}\nURL='http://x?a=b'\n`);
    assert.deepEqual((await json('env', 'pull', 'vars')).values.PASSWORD, SECRET);

    const unset = await json('env', 'unset', 'vars', 'PASSWORD', 'URL', '--no-redeploy');
    assert.deepEqual(unset.deployed, []);
    assert.deepEqual(
      unset.entries.map(({ name }: { name: string }) => name),
      ['EMPTY'],
    );
  });

  test('env: a file, previews and single branches', async () => {
    await using directory = await temporaryDirectory();
    await json('apps', 'create', 'files');
    const file = join(directory.path, '.env');
    await writeFile(file, '# a comment\nexport A=from file\nB="two\nlines"\n');
    await json('env', 'set', 'files', 'A=from argument', '--file', file, '--preview');
    await json('env', 'set', 'files', 'A=of topic', '--branch', 'topic');
    assert.deepEqual((await json('env', 'pull', 'files')).values, {});
    const preview = (await json('env', 'pull', 'files', '--preview')).values;
    assert.deepEqual(preview, { A: 'from argument', B: 'two\nlines' });
    assert.equal((await json('env', 'pull', 'files', '--branch', 'topic')).values.A, 'of topic');
    const pulled = await thaw(['env', 'pull', 'files', '--preview'], { env });
    await writeFile(file, pulled.stdout);
    await json('env', 'set', 'files', '--file', file);
    assert.deepEqual((await json('env', 'pull', 'files')).values, preview);
  });

  test('env: what is wrong is said without the values', async () => {
    await json('apps', 'create', 'careful');
    const wrong: [string[], number, RegExp][] = [
      [['env', 'set', 'careful', SECRET], 2, /Value 1 of 1 is not written NAME=value/],
      [['env', 'set', 'careful'], 2, /nothing to set/],
      [['env', 'set', 'careful', '--file', '/nowhere'], 2, /\/nowhere cannot be read \(ENOENT\)/],
      [['env', 'set', 'careful', `A-B=${SECRET}`], 1, /"A-B"/],
      [['env', 'set', 'careful', `PORT=${SECRET}`], 1, /PORT/],
      [['env', 'set', 'careful', 'A=1', '--preview', '--branch', 'x'], 2, /cannot be used with/],
      [['env', 'unset', 'careful'], 2, /missing required argument/],
      [['env', 'list', 'nothing'], 1, /nothing/],
    ];
    for (const [args, expected, says] of wrong) {
      const { code, stdout, stderr } = await thaw(args, { env });
      assert.equal(code, expected, stderr);
      assert.match(stderr, says);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET), args.join(' '));
    }
  });

  test('env: a bake that fails is exit 1, and the values are kept', async () => {
    await json('apps', 'create', 'failing');
    await release('failing');
    server.failDeploymentsWith(new ThawError('build_failed', 'It never listened.'));
    const { code, stderr } = await thaw(['env', 'set', 'failing', 'A=1'], { env });
    server.failDeploymentsWith(undefined);
    assert.equal(code, 1);
    assert.match(stderr, /The values are kept; what is in front of main stays as it was\.\nError: It never listened/);
    assert.deepEqual((await json('env', 'pull', 'failing')).values, { A: '1' });
  });

  test('rollback and promote', async () => {
    await json('apps', 'create', 'moves');
    const nothing = await thaw(['rollback', 'moves'], { env });
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /no earlier deployment on main/);
    const [one, two] = [await release('moves'), await release('moves')];
    const back = await thaw(['rollback', 'moves'], { env });
    assert.equal(back.stdout, `Release 3 of moves: ${one}.\n`);
    assert.equal((await json('rollback', 'moves', '2')).release.deployment, two);
    assert.equal((await json('rollback', 'moves', one)).release.deployment, one);
    for (const wrong of ['0', 'first', '-1x', '1.5']) {
      const { code } = await thaw(['rollback', 'moves', wrong], { env });
      assert.equal(code, 2, wrong);
    }
    const preview = await release('moves', 'feature/x');
    const promoted = (await json('promote', 'moves', 'feature/x')).release;
    assert.deepEqual([promoted.branch, promoted.deployment, promoted.reason], ['main', preview, 'promote']);
    assert.equal((await json('promote', 'moves', two)).release.deployment, two);
    assert.match((await thaw(['promote', 'moves', 'never'], { env })).stderr, /nothing in front of never/);
    assert.equal((await thaw(['promote', 'moves'], { env })).code, 2);
  });

  test('domains: added, listed, removed', async () => {
    await json('apps', 'create', 'named');
    const added = await thaw(['domains', 'add', 'named', '*.Example.com'], { env });
    assert.equal(added.stdout, '*.example.com leads to named.\n');
    const listed = await thaw(['domains', 'list', 'named'], { env });
    assert.match(listed.stdout, /^HOST +APP +CREATED\n\*\.example\.com +named +/);
    assert.match((await thaw(['domains', 'add', 'named', 'a b'], { env })).stderr, /"a b".*\n.*www\.example\.com/);
    assert.deepEqual(await json('domains', 'rm', 'named', '*.example.com'), { removed: '*.example.com' });
    assert.equal((await thaw(['domains', 'rm', 'named', '*.example.com'], { env })).code, 1);
  });

  test('crons: listed, and run by name or when there is one alone', async () => {
    await json('apps', 'create', 'ticks');
    const nothing = await thaw(['crons', 'run', 'ticks'], { env });
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /has no crons/);
    const cron = {
      name: 'nightly',
      schedule: '@daily',
      timezone: 'UTC',
      path: '/tick',
      method: 'POST',
      overlap: 'skip',
    } as const;
    server.crons.push({ ...cron });
    const listed = await thaw(['crons', 'ticks'], { env });
    assert.match(listed.stdout, /\nnightly +@daily +UTC +POST \/tick +2026-01-03T00:00:00\.000Z +never +-\n/);
    const run = await thaw(['crons', 'run', 'ticks'], { env });
    assert.equal(run.code, 1, 'a run that failed');
    assert.equal(run.stdout, 'nightly: failed 503 after 12 ms\n');
    server.crons.push({ ...cron, name: 'hourly' });
    const which = await thaw(['crons', 'run', 'ticks'], { env });
    assert.equal(which.code, 2);
    assert.match(which.stderr, /nightly, hourly/);
    assert.match((await thaw(['crons', 'run', 'ticks', 'never'], { env })).stderr, /no cron never/);
  });

  test('limits of a project: shown, set, taken away', async () => {
    await json('projects', 'create', 'bounded');
    const set = await json('projects', 'limits', 'bounded', '--set', 'apps=1', 'cpus=0.5');
    assert.deepEqual([set.limits.apps, set.limits.cpus, set.limits.diskMiB], [1, 0.5, null]);
    await json('apps', 'create', 'only', '--project', 'bounded');
    const over = await thaw(['apps', 'create', 'more', '--project', 'bounded'], { env });
    assert.equal(over.code, 1);
    assert.match(over.stderr, /limit of 1 apps.*\n.*thaw projects limits bounded/);
    const shown = await thaw(['projects', 'limits', 'bounded', '--set', 'cpus=none'], { env });
    assert.match(shown.stdout, /^LIMIT +VALUE +USED\napps +1 +1\ninstances +none +-\n/);
    for (const wrong of ['apps', 'apps=', 'apps=many', 'apps=-1', 'speed=1', '=1']) {
      assert.equal((await thaw(['projects', 'limits', 'bounded', '--set', wrong], { env })).code, 2, wrong);
    }
  });

  test('cache: listed and cleared', async () => {
    const at = new Date().toISOString();
    const entry = { key: 'k1', project: 'default', app: 'vars', sizeBytes: 3_000_000, createdAt: at, lastUsedAt: at };
    server.cached.push(entry);
    assert.deepEqual((await json('cache')).entries, [entry]);
    assert.match((await thaw(['cache', 'list'], { env })).stdout, /\nk1 +default +vars +3 MiB +/);
    assert.equal((await thaw(['cache', 'clear'], { env })).stdout, 'Removed 1 entry.\n');
    assert.equal((await thaw(['cache', 'clear', '--app', 'nothing'], { env })).code, 1);
  });
});
