import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, link, mkdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { listFiles } from '../../platform/cli/files.ts';
import { tar } from '../../platform/cli/tar.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const { PATH = '', HOME = '/' } = process.env;
const env = { PATH, HOME, GIT_CONFIG_GLOBAL: '/dev/null' };
const { signal } = new AbortController();
const run = promisify(execFile);

async function tree(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

async function git(cwd: string, ...argv: string[]): Promise<void> {
  await run('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], { cwd, env });
}

describe('what a directory is deployed with', () => {
  test('in a git repository what git has or would add', async () => {
    await using directory = await temporaryDirectory();
    const root = directory.path;
    await tree(root, {
      'index.ts': '',
      '.gitignore': 'secret.env\nbuilt/\n',
      'secret.env': 'KEY=1',
      'built/out.js': '',
      'node_modules/left/index.js': '',
      'new file.ts': '',
      'gone.ts': '',
      '-rf': '',
    });
    await git(root, 'init', '--quiet');
    await git(root, 'add', 'index.ts', 'gone.ts');
    await rm(join(root, 'gone.ts'));
    const { files } = await listFiles(root, { env, signal });
    assert.deepEqual(files.sort(), ['-rf', '.gitignore', 'index.ts', 'new file.ts']);
  });

  test('in a part of a repository that part alone, by the rules of the whole', async () => {
    await using directory = await temporaryDirectory();
    await tree(directory.path, { '.gitignore': '*.env\n', 'other/b.ts': '', 'api/a.ts': '', 'api/x.env': '' });
    await git(directory.path, 'init', '--quiet');
    const { files } = await listFiles(join(directory.path, 'api'), { env, signal });
    assert.deepEqual(files, ['a.ts']);
  });

  test('an ignored directory is sent whole: it was named on purpose', async () => {
    await using directory = await temporaryDirectory();
    await tree(directory.path, { '.gitignore': 'dist/\n', 'a.ts': '', 'dist/index.js': '' });
    await git(directory.path, 'init', '--quiet');
    const { files } = await listFiles(join(directory.path, 'dist'), { env, signal });
    assert.deepEqual(files, ['index.js']);
  });

  test('repositories inside the repository are named and left out', async () => {
    await using directory = await temporaryDirectory();
    await tree(directory.path, { 'a.ts': '', 'vendor/lib/b.ts': '' });
    await git(directory.path, 'init', '--quiet');
    await git(join(directory.path, 'vendor/lib'), 'init', '--quiet');
    await git(join(directory.path, 'vendor/lib'), 'commit', '--quiet', '--allow-empty', '-m', 'one');
    const { files, leftOut } = await listFiles(directory.path, { env, signal });
    assert.deepEqual(files, ['a.ts']);
    assert.deepEqual(leftOut, ['vendor/lib']);
  });

  test('elsewhere everything besides node_modules and .git', async () => {
    await using directory = await temporaryDirectory();
    await tree(directory.path, { 'a.ts': '', '.env': '', 'lib/b.ts': '', 'node_modules/x/i.js': '', '.git/odd': '' });
    await symlink('a.ts', join(directory.path, 'alias.ts'));
    const { files } = await listFiles(directory.path, { env, signal });
    assert.deepEqual(files, ['.env', 'a.ts', 'alias.ts', 'lib/b.ts']);
  });

  test('when git cannot say what is ignored, nothing is sent', async () => {
    await using directory = await temporaryDirectory();
    await tree(directory.path, { 'a.ts': '' });
    await git(directory.path, 'init', '--quiet');
    await writeFile(join(directory.path, '.git/config'), '[core\nbroken');
    await assert.rejects(listFiles(directory.path, { env, signal }), { code: 'misconfigured' });
  });
});

describe('the tar of a deployment', () => {
  const onRemark = () => undefined;

  test('keeps symbolic links, modes and long names, and nobody as owner', async () => {
    await using directory = await temporaryDirectory();
    const [from, to] = [join(directory.path, 'from'), join(directory.path, 'to')];
    const long = `${'deep/'.repeat(40)}file.ts`;
    await tree(from, { 'run.sh': '#!/bin/sh\n', '-rf': 'odd', [long]: 'long' });
    await mkdir(to);
    await chmod(join(from, 'run.sh'), 0o755);
    await symlink('/etc/passwd', join(from, 'outside'));
    await link(join(from, 'run.sh'), join(from, 'twin.sh'));
    const archive = join(directory.path, 'all.tar');
    await writeFile(archive, tar(from, ['run.sh', 'twin.sh', '-rf', 'outside', long], { env, signal, onRemark }));
    await run('tar', ['-x', '-f', archive, '-C', to]);
    assert.equal(await readlink(join(to, 'outside')), '/etc/passwd');
    assert.equal((await stat(join(to, 'run.sh'))).mode & 0o777, 0o755);
    assert.equal((await stat(join(to, 'twin.sh'))).nlink, 1);
    assert.equal(await readFile(join(to, '-rf'), 'utf8'), 'odd');
    assert.equal(await readFile(join(to, long), 'utf8'), 'long');
    const { stdout } = await run('tar', ['-t', '-v', '--numeric-owner', '-f', archive]);
    assert.ok(
      stdout
        .trim()
        .split('\n')
        .every((line) => line.includes(' 0/0 ')),
    );
  });

  test('a file that cannot be packed is a failure, not a smaller archive', async () => {
    await using directory = await temporaryDirectory();
    await tree(directory.path, { 'a.ts': '' });
    const packing = Array.fromAsync(tar(directory.path, ['a.ts', 'gone.ts'], { env, signal, onRemark }));
    await assert.rejects(packing, { code: 'unprocessable', message: /gone\.ts/ });
  });

  test('ends tar when nobody reads on', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'big'), Buffer.alloc(8 * 1024 * 1024));
    for await (const chunk of tar(directory.path, ['big'], { env, signal, onRemark })) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
  });
});
