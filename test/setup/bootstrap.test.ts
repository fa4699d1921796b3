import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../fixtures/control.ts';

const SCRIPT = fileURLToPath(new URL('../../platform/setup/bootstrap.sh', import.meta.url));

/**
 * A checkout that holds the script alone, on a machine whose programs write down how they were called. Real ones would
 * change the machine that the tests run on.
 */
async function machine({ installed = 'every', goVersion = '1.26.8', user = 0 } = {}) {
  await using opened = new AsyncDisposableStack();
  const { path } = opened.use(await temporaryDirectory());
  const calls = join(path, 'calls');
  await writeFile(calls, '');
  const put = async (file: string, text: string) => {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), text);
    await chmod(join(path, file), 0o755);
  };
  const noting = (name: string, more = '') => `#!/bin/sh\necho "${name} $*" >> ${calls}\n${more}`;
  const known =
    installed === 'every' ? 'for p; do echo "$p ii "; done' : `for p in ${installed}; do echo "$p ii "; done`;
  await mkdir(join(path, 'platform/setup'), { recursive: true });
  await copyFile(SCRIPT, join(path, 'platform/setup/bootstrap.sh'));
  await put('bin/id', `#!/bin/sh\necho ${user}\n`);
  await put('bin/dpkg-query', `#!/bin/sh\nshift 3\n${known}\n`);
  await put('bin/apt-get', noting('apt-get'));
  await put('bin/go', `#!/bin/sh\necho go version go${goVersion} linux/amd64\n`);
  const node = noting('node', 'case $1 in --version) echo v26.0.0 ;; */left-out.ts) echo @a/native@1.0.0 ;; esac');
  await put('bin/npm', noting('npm', `mkdir -p node_modules/.bin\ncp node node_modules/.bin/node`));
  await put('node', node);
  await put('package-lock.json', '{}');
  await put('node_modules/.bin/node', node);
  await put('node_modules/.package-lock.json', '{}');
  const closing = opened.move();
  return {
    path,
    async run(mode: string) {
      const env = { PATH: `${path}/node_modules/.bin:${path}/bin:${process.env.PATH}` };
      const child = spawn('sh', [join(path, 'platform/setup/bootstrap.sh'), mode], {
        env,
        stdio: ['ignore', 1, 'pipe'],
      });
      const [told, code] = await Promise.all([
        (child.stderr as Readable).setEncoding('utf8').toArray(),
        new Promise((resolve) => child.once('close', resolve)),
      ]);
      const called = (await readFile(calls, 'utf8')).split('\n').slice(0, -1);
      return { code, told: told.join(''), called };
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

test('does nothing twice: with all there it goes straight on', async () => {
  await using fresh = await machine();
  const { code, called, told } = await fresh.run('start');
  assert.equal(code, 0, told);
  assert.deepEqual(called, ['node runtime-images/main.ts', 'node platform/cli/main.ts serve']);
  assert.match(told, /^setup: system packages are there \(\d\.\d s\)\nsetup: npm packages are there \(\d\.\d s\)\n/);
});

test('installs the packages that are missing, and no others', async () => {
  const all = 'ca-certificates curl debian-archive-keyring e2fsprogs gcc git iproute2 libc6-dev procps qemu-utils';
  await using fresh = await machine({ installed: all });
  const { called } = await fresh.run('start');
  assert.match(called[0] ?? '', /^apt-get .* update$/);
  assert.match(called[1] ?? '', /^apt-get .* install .* mmdebstrap nftables qemu-system-x86$/);
});

test('installs Go when the one that is there is too old', async () => {
  await using fresh = await machine({ goVersion: '1.18.1', installed: 'none' });
  const { called } = await fresh.run('start');
  assert.match(called[1] ?? '', / golang-go$/);
  await using newer = await machine({ goVersion: '2.0', installed: 'none' });
  assert.doesNotMatch((await newer.run('start')).called[1] ?? '', /golang/);
});

test('installs npm packages when the lockfile is newer than they are, and what an older Node left out', async () => {
  await using fresh = await machine();
  const later = new Date(Date.now() + 60_000);
  await utimes(join(fresh.path, 'package-lock.json'), later, later);
  const { called, told } = await fresh.run('check');
  assert.match(called[0] ?? '', /^npm install --no-save --ignore-scripts=false --include=dev /);
  assert.deepEqual(called.slice(-3), [
    'node platform/setup/left-out.ts',
    'npm install --no-save --ignore-scripts --no-audit --no-fund @a/native@1.0.0',
    'node platform/setup/check.ts',
  ]);
  assert.match(told, /setup: npm packages installed/);
});

test('checks need no root; whatever starts VMs does, and says how', async () => {
  await using fresh = await machine({ user: 1000 });
  assert.equal((await fresh.run('check')).code, 0);
  const refused = await fresh.run('demo');
  assert.equal(refused.code, 1);
  assert.match(refused.told, /^Error: .* need root\.\nRun it as root: sudo npm run demo\n$/);
});

test('names the modes when asked for another', async () => {
  await using fresh = await machine();
  const { code, told } = await fresh.run('dance');
  assert.equal(code, 1);
  assert.match(told, /There is no mode "dance".*\n.*setup, demo, test, start, bench, check/);
});
