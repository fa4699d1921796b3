import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { ThawError } from '../../platform/errors.ts';
import { temporaryDirectory } from '../fixtures/control.ts';
import { startServer, type TestServer } from '../sdk/server.ts';
import { ended, start, thaw } from './command.ts';

const run = promisify(execFile);

describe('deploy', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer();
    env = { THAW_URL: server.url, THAW_API_KEY: server.adminKey };
  });
  after(() => server[Symbol.asyncDispose]());

  test('streams what git would have, links as links; the address alone is on standard output', async () => {
    await using directory = await temporaryDirectory();
    const root = join(directory.path, 'My Function');
    await mkdir(join(root, 'node_modules/left'), { recursive: true });
    await writeFile(join(root, 'index.ts'), 'export default () => new Response("hello")');
    await writeFile(join(root, 'secret.env'), 'KEY=1');
    await writeFile(join(root, '.gitignore'), '*.env\n');
    await symlink('/etc/passwd', join(root, 'outside'));
    await run('git', ['init', '--quiet'], { cwd: root });

    const { code, stdout, stderr } = await thaw(['deploy'], { env, cwd: root });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'http://my-function.localhost:8080/\n');
    assert.match(
      stderr,
      /^Deploying 3 files of .*My Function to my-function\.\nReceiving\.\nBaking\.\nDeployed d\w{11} as release 1 in /,
    );
    assert.deepEqual((await readdir(server.tree(0))).sort(), ['.gitignore', 'index.ts', 'outside']);
    assert.equal(await readlink(join(server.tree(0), 'outside')), '/etc/passwd');
  });

  test('takes the app, the branch and the directory; --json prints the outcome as one document', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'index.js'), '');
    const { code, stdout } = await thaw(
      ['deploy', directory.path, '--app', 'named', '--branch', 'feature/x', '--json'],
      { env },
    );
    assert.equal(code, 0);
    const { deployment, release, url } = JSON.parse(stdout);
    assert.equal(deployment.app, 'named');
    assert.equal(release.branch, 'feature/x');
    assert.equal(deployment.run, undefined);
    assert.equal(url, 'http://named.localhost:8080/');
  });

  test('a build that fails is exit 1, with the reason as the last lines', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'index.js'), 'throw 1');
    server.failDeploymentsWith(new ThawError('build_failed', 'The code threw: 1.', { hint: 'See line 1.' }));
    const { code, stdout, stderr } = await thaw(['deploy', directory.path, '--app', 'broken'], { env });
    server.failDeploymentsWith(undefined);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /Receiving\.\nError: The code threw: 1\.\nSee line 1\.\n$/);
  });

  test('a name that no app may have, a wrong key and a server that is away are told without sending the tree', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'big'), Buffer.alloc(12 * 1024 * 1024));
    const name = await thaw(['deploy', directory.path, '--app', 'a--b'], { env });
    assert.equal(name.code, 1);
    assert.match(name.stderr, /two hyphens/);
    const wrong = await thaw(['deploy', directory.path, '--app', 'a'], { env: { ...env, THAW_API_KEY: 'thw_wrong' } });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /THAW_API_KEY is wrong/);
    const away = await thaw(['deploy', directory.path, '--app', 'a'], {
      env: { ...env, THAW_URL: 'http://127.0.0.1:1' },
    });
    assert.equal(away.code, 1);
    assert.match(away.stderr, /npm start/);
  });

  test('a tree over the limit is refused in the middle, with the reason', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'big'), Buffer.alloc(24 * 1024 * 1024));
    const { code, stderr } = await thaw(['deploy', directory.path, '--app', 'big'], { env });
    assert.equal(code, 1);
    assert.match(stderr, /Error: The upload is larger than 16 MiB\.\nLeave out/);
  });

  test('an empty directory is misuse', async () => {
    await using directory = await temporaryDirectory();
    const { code, stderr } = await thaw(['deploy', directory.path, '--app', 'empty'], { env });
    assert.equal(code, 2);
    assert.match(stderr, /nothing to deploy/);
  });

  test('Ctrl-C ends the deployment on the server too, with exit 130', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'index.js'), '');
    server.building.hold = true;
    const child = start(['deploy', directory.path, '--app', 'stopped'], { env });
    const over = ended(child);
    await server.building.began.promise;
    child.kill('SIGINT');
    const { code, stdout, stderr } = await over;
    await server.building.aborted.promise;
    server.building.hold = false;
    assert.equal(code, 130);
    assert.equal(stdout, '');
    assert.doesNotMatch(stderr, /Error/);
  });
});
