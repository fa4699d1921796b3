import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { HELLO, openStand, type Stand, until } from './pushing.ts';

describe('git push', { concurrency: false }, () => {
  let stand: Stand;
  before(async () => {
    stand = await openStand();
  });
  after(() => stand[Symbol.asyncDispose]());

  test('the first push makes the app, builds, releases, and ends with the address', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    const { code, remote, text } = await tree.push(stand.remote('hello'));
    assert.equal(code, 0, text);
    assert.equal(remote[0], 'Detected: function (index.ts)');
    assert.ok(remote.includes('Starting'), text);
    assert.equal(remote.filter((line) => line !== '').at(-1), 'http://hello.localhost/');
    const [deployment] = await stand.control.deployments.list('hello');
    assert.equal(deployment?.status, 'ready');
    assert.equal((await stand.control.releases.current('hello', 'main'))?.deployment, deployment?.id);
    assert.equal(stand.host.machines.size, 0);
  });

  test('what was pushed can be cloned', async () => {
    await using tree = await WorkTree.create({ 'index.js': HELLO });
    await tree.push(stand.remote('cloned'));
    const { code, text } = await tree.git('clone', '-q', stand.remote('cloned'), join(tree.path, 'copy'));
    assert.equal(code, 0, text);
    assert.equal((await tree.git('-C', 'copy', 'rev-parse', 'main')).text, (await tree.git('rev-parse', 'main')).text);
  });

  test('another branch makes a preview and leaves production alone; deleting it ends the preview', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.push(stand.remote('preview'));
    const production = await stand.control.releases.current('preview', 'main');
    await tree.git('checkout', '-q', '-b', 'next');
    await tree.commit({ 'index.ts': HELLO.replace('hello', 'next') });
    const { remote, text } = await tree.push(stand.remote('preview'), 'next');
    assert.ok(remote.includes('http://next--preview.localhost/'), text);
    assert.deepEqual(await stand.control.releases.current('preview', 'main'), production);
    assert.ok(await stand.control.releases.current('preview', 'next'));
    const deleted = await tree.push(stand.remote('preview'), ':next');
    assert.equal(deleted.code, 0, deleted.text);
    assert.equal(await stand.control.releases.current('preview', 'next'), undefined);
  });

  test('deleting main is refused', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.push(stand.remote('kept'));
    const { code, text } = await tree.push(stand.remote('kept'), ':main');
    assert.equal(code, 1);
    assert.match(text, /main is the app itself and cannot be deleted/);
  });

  test('a commit that is built already is not built again for another branch', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.push(stand.remote('twice'));
    const { builds } = stand.host;
    const { code, text } = await tree.push(stand.remote('twice'), 'main:copy');
    assert.equal(code, 0, text);
    assert.equal(stand.host.builds, builds);
    assert.ok(await stand.control.releases.current('twice', 'copy'));
  });

  test('several branches are built in turn, tags are only kept, other refs refused', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.git('tag', 'v1');
    await tree.git('checkout', '-q', '-b', 'two');
    await tree.commit({ 'index.ts': `${HELLO}// two\n` });
    const { code, text } = await tree.push(stand.remote('several'), 'main', 'two', 'v1');
    assert.equal(code, 0, text);
    assert.equal((await stand.control.deployments.list('several')).length, 2);
    const other = await tree.push(stand.remote('several'), 'main:refs/notes/x');
    assert.equal(other.code, 1);
    assert.match(other.text, /refs\/notes\/x is neither a branch nor a tag/);
  });

  test('a failing push is refused with the reason last, and production stays', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.push(stand.remote('broken'));
    const production = await stand.control.releases.current('broken', 'main');
    const templates = stand.host.frozen.size;
    await tree.commit({
      'index.ts': "throw new Error('\u001b[31mout of\u0007 coffee\u001b[0m');\nexport default () => {};\n",
    });
    const { code, remote, text } = await tree.push(stand.remote('broken'));
    assert.equal(code, 1);
    assert.match(
      remote.join('\n'),
      /index\.ts ended while it was loading \(exit code 1\)\.[\s\S]*Error: out of coffee[\s\S]*index\.ts:1/,
    );
    assert.ok(!text.includes('\u0007') && !text.includes('[31m'));
    assert.deepEqual(await stand.control.releases.current('broken', 'main'), production);
    const [deployment] = await stand.control.deployments.list('broken');
    assert.equal(deployment?.status, 'failed');
    assert.match(deployment?.error ?? '', /out of coffee/);
    assert.equal(stand.host.machines.size, 0);
    assert.equal(stand.host.frozen.size, templates);
    await assert.rejects(Array.fromAsync(stand.control.artifacts.get(deployment?.id ?? '')), { code: 'not_found' });
    assert.equal(
      (await tree.git('ls-remote', stand.remote('broken'), 'main')).text.includes(
        (await tree.git('rev-parse', 'main')).text.trim(),
      ),
      false,
    );
  });

  test('a tree over the limit is refused', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO, 'large.bin': new Uint8Array(5 * 1024 * 1024) });
    const { code, text } = await tree.push(stand.remote('large'));
    assert.equal(code, 1);
    assert.match(text, /The source is larger than 4 MiB unpacked/);
    assert.equal(stand.host.machines.size, 0);
  });

  test('a link out of the repository is refused', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await symlink('/etc/shadow', join(tree.path, 'shadow'));
    await tree.commit({});
    const { code, text } = await tree.push(stand.remote('links'));
    assert.equal(code, 1);
    assert.match(text, /The link shadow points outside the repository, to \/etc\/shadow/);
  });

  test('pushes to one app take turns; the later one is told', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.git('branch', 'side');
    await tree.git('commit', '-q', '--amend', '-m', 'other');
    const held = Promise.withResolvers<void>();
    stand.host.gate = held.promise;
    const first = tree.start(['push', stand.remote('turns'), 'main']);
    await until(() => stand.host.holding);
    const second = tree.start(['push', stand.remote('turns'), 'side']);
    await second.seen(/Another push to this app is running; waiting/);
    held.resolve();
    assert.equal((await first.done).code, 0);
    assert.equal((await second.done).code, 0);
    const deployments = await stand.control.deployments.list('turns');
    assert.deepEqual(
      deployments.map(({ branch, status }) => `${branch} ${status}`),
      ['side ready', 'main ready'],
    );
  });

  test('of two pushes to one branch the later one is refused after its wait', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await using other = await WorkTree.create({ 'index.ts': `${HELLO}// other\n` });
    const held = Promise.withResolvers<void>();
    stand.host.gate = held.promise;
    const first = tree.start(['push', stand.remote('race'), 'main']);
    await until(() => stand.host.holding);
    const second = other.start(['push', '--force', stand.remote('race'), 'main']);
    await second.seen(/waiting/);
    held.resolve();
    assert.equal((await first.done).code, 0);
    const { code, text } = await second.done;
    assert.equal(code, 1);
    assert.match(text, /main was moved by another push meanwhile/);
    const { code: again } = await other.push(stand.remote('race'), '+main');
    assert.equal(again, 0);
  });

  test('breaking a push off ends its build and leaves nothing', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    const held = Promise.withResolvers<void>();
    stand.host.gate = held.promise;
    const push = tree.start(['push', stand.remote('broken-off'), 'main']);
    await until(() => stand.host.holding);
    push.interrupt();
    await push.done;
    await until(() => stand.host.machines.size === 0);
    stand.host.gate = Promise.resolve();
    const { code, text } = await tree.push(stand.remote('broken-off'));
    assert.equal(code, 0, text);
    assert.deepEqual(
      (await stand.control.deployments.list('broken-off')).map(({ status }) => status),
      ['ready', 'failed'],
    );
  });
});

describe('who may use git', { concurrency: false }, () => {
  let stand: Stand;
  before(async () => {
    stand = await openStand();
  });
  after(() => stand[Symbol.asyncDispose]());

  test('a wrong key is refused, and no app is made', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    const { code, text } = await tree.push(stand.remote('denied', 'thw_wrong'));
    assert.equal(code, 128);
    assert.match(text, /Authentication failed/);
    assert.deepEqual(await stand.control.apps.list(null), []);
  });

  test('a key that may only read can clone and not push', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.push(stand.remote('readable'));
    const { secret } = await stand.control.keys.create({ name: 'reader', project: 'default', scopes: ['read'] });
    assert.equal((await tree.git('ls-remote', stand.remote('readable', secret))).code, 0);
    const { code, text } = await tree.push(stand.remote('readable', secret));
    assert.equal(code, 128);
    assert.match(text, /403/);
  });

  test("another project's app looks as if it were not there", async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    await tree.push(stand.remote('theirs'));
    await stand.control.projects.create('other');
    const { secret } = await stand.control.keys.create({ name: 'other', project: 'other', scopes: ['manage'] });
    assert.match((await tree.git('ls-remote', stand.remote('theirs', secret))).text, /not found/);
    assert.match((await tree.push(stand.remote('theirs', secret))).text, /409/);
  });

  test('names that are no DNS labels and path tricks are refused', async () => {
    await using tree = await WorkTree.create({ 'index.ts': HELLO });
    for (const name of ['Big', '-x', 'a--b', '1-a', 'a'.repeat(41), '..%2f..%2fetc', 'a%2fb', '%2e%2e']) {
      const { code, text } = await tree.push(stand.remote(name));
      assert.notEqual(code, 0, `${name}: ${text}`);
    }
    for (const path of [
      'hello.git/HEAD',
      'hello.git/objects/info/packs',
      'hello.git/info/refs',
      '../hello.git/info/refs?service=git-upload-pack',
    ]) {
      const answer = await fetch(
        `${stand
          .remote('x')
          .replace('x.git', path)
          .replace(/\/\/.*@/, '//')}`,
        {
          headers: { authorization: `Basic ${Buffer.from(`git:${stand.key}`).toString('base64')}` },
        },
      );
      assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`);
    }
    assert.deepEqual(
      (await stand.control.apps.list(null)).map(({ name }) => name).filter((name) => !/^(readable|theirs)$/.test(name)),
      [],
    );
  });
});
