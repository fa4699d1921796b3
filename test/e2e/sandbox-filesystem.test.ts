import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { FileChange, Sandbox } from '../../platform/sdk/index.ts';
import { sandboxStand } from './sandbox-stand.ts';

describe('the file tree of a sandbox', () => {
  const stand = sandboxStand({ keep: true });
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await stand.create({ template: 'base', ttlSeconds: 900 });
  });

  test('stat tells what is there, and what a symlink leads to', async () => {
    const { files } = sandbox;
    await files.write('/app/a file ü', 'größe', { mode: 0o640 });
    await sandbox.exec(['sh', '-c', 'ln -s "/app/a file ü" /app/link; ln -s nowhere /app/dangling; mkfifo /app/pipe']);
    const { modifiedAt, ...entry } = await files.stat('/app/a file ü');
    assert.ok(Math.abs(Date.parse(modifiedAt) - Date.now()) < 60_000, modifiedAt);
    assert.deepEqual(entry, {
      ...{ name: 'a file ü', path: '/app/a file ü', type: 'file', sizeBytes: 7, mode: 0o640 },
      ...{ owner: 'app', group: 'app', target: null },
    });
    const link = await files.stat('/app/link');
    assert.deepEqual([link.type, link.target], ['file', '/app/a file ü']);
    const dangling = await files.stat('/app/dangling');
    assert.deepEqual([dangling.type, dangling.target], ['symlink', 'nowhere']);
    assert.equal((await files.stat('/app/pipe')).type, 'other');
    assert.equal((await files.stat('/')).type, 'directory');
    assert.deepEqual([await files.exists('/app/link'), await files.exists('/app/none')], [true, false]);
    assert.equal((await stand.refusal(files.stat('/app/none'))).status, 404);
    await sandbox.exec('rm -rf /app/* /app/.[a-z]*');
  });

  test('list goes as deep as is asked, and not through symlinks', async () => {
    const { files } = sandbox;
    await sandbox.exec(
      'mkdir -p tree/a/b/c tree/z; touch tree/a/1 tree/a/b/2 tree/a/b/c/3; ln -s .. tree/z/up; ln -s a tree/l',
    );
    const paths = async (depth?: number) =>
      (await files.list('/app/tree', depth === undefined ? {} : { depth })).map(({ path }) => path.slice(10));
    assert.deepEqual(await paths(), ['a', 'l', 'z']);
    assert.deepEqual(await paths(2), ['a', 'a/1', 'a/b', 'l', 'z', 'z/up']);
    assert.equal((await paths(64)).length, 9);
    assert.deepEqual(
      (await files.list('/app/tree/l')).map(({ path }) => path),
      ['/app/tree/l/1', '/app/tree/l/b'],
    );
    assert.equal((await stand.refusal(files.list('/app/tree/a/1'))).status, 400);
    assert.equal((await stand.refusal(files.list('/app/none'))).status, 404);
    assert.equal((await stand.refusal(files.list('/app', { depth: 65 }))).status, 400);
    await sandbox.exec('mkdir many && cd many && seq 1 5000 | xargs touch');
    assert.equal((await files.list('/app/many')).length, 5000);
  });

  test('makes, moves and removes', async () => {
    const { files } = sandbox;
    assert.equal((await files.makeDirectory('/app/made/deep')).owner, 'app');
    assert.equal((await files.makeDirectory('/srv/other', { user: 'root' })).owner, 'root');
    assert.equal((await stand.refusal(files.makeDirectory('/app/made'))).code, 'conflict');
    await files.write('/app/made/file', 'text');
    assert.equal((await stand.refusal(files.makeDirectory('/app/made/file/below'))).status, 400);
    assert.equal((await files.move('/app/made/file', '/app/far/away/file')).path, '/app/far/away/file');
    assert.equal(await files.read('/app/far/away/file'), 'text');
    await files.write('/app/over', 'new');
    await files.move('/app/over', '/app/far/away/file');
    assert.equal(await files.read('/app/far/away/file'), 'new');
    // To another file system.
    await files.move('/app/far', '/tmp/far');
    assert.equal(await files.read('/tmp/far/away/file'), 'new');
    assert.equal((await stand.refusal(files.move('/app/none', '/app/x'))).status, 404);
    assert.equal((await stand.refusal(files.move('/app/made', '/app/made/deep/inside'))).status, 400);
    await files.remove('/tmp/far');
    assert.equal(await files.exists('/tmp/far'), false);
    assert.equal((await stand.refusal(files.remove('/tmp/far'))).status, 404);
    assert.equal((await stand.refusal(files.remove('/'))).status, 400);
    // A symlink goes, and not what it leads to.
    await sandbox.exec('mkdir kept && touch kept/file && ln -s kept leading');
    await files.remove('/app/leading');
    assert.equal(await files.exists('/app/kept/file'), true);
  });

  test('watch misses nothing from when it is there, and ends with its reader', async () => {
    const { files } = sandbox;
    await files.makeDirectory('/app/watched/below');
    const changes = await files.watch('/app/watched', { recursive: true });
    await sandbox.exec(
      'cd watched; echo 1 >below/new; chmod 600 below/new; mv below/new moved; rm moved; mkdir later; touch later/x',
    );
    const seen: FileChange[] = [];
    for await (const change of changes) {
      seen.push(change);
      if (change.path === '/app/watched/later/x') break;
    }
    const has = (type: FileChange['type'], path: string) =>
      assert.ok(
        seen.some((one) => one.type === type && one.path === `/app/watched/${path}`),
        JSON.stringify(seen),
      );
    has('create', 'below/new');
    has('write', 'below/new');
    has('chmod', 'below/new');
    has('rename', 'below/new');
    has('create', 'moved');
    has('remove', 'moved');
    const flat = await files.watch('/app/watched');
    await sandbox.exec('cd watched; touch below/unseen; touch seen');
    assert.deepEqual((await flat.next()).value, { type: 'create', path: '/app/watched/seen' });
    await flat.return();
    assert.equal((await stand.refusal(files.watch('/app/none'))).status, 404);
    assert.equal((await stand.refusal(files.watch('/app/watched/seen'))).status, 400);
    // Nothing of a watch is left where nobody reads.
    const ended = await files.watch('/app/watched');
    const [copy] = await sandbox.fork();
    await copy?.kill();
    await ended.return();
  });

  test('a watch ends with its sandbox, and says why', async () => {
    const other = await stand.create();
    const changes = await other.files.watch('/app');
    const next = stand.refusal(changes.next());
    await other.kill();
    assert.deepEqual((await next).code, 'gone');
  });

  test('paths that cannot be are refused', async () => {
    const { files } = sandbox;
    const wrong = ['relative', '/app/../etc', '/nul\0', `/${'x'.repeat(5000)}`, '', '..'];
    for (const path of wrong) {
      for (const call of [
        () => files.stat(path),
        () => files.list(path),
        () => files.makeDirectory(path),
        () => files.move(path, '/app/x'),
        () => files.move('/app/kept', path),
        () => files.remove(path),
        () => files.watch(path),
        () => files.read(path),
        () => files.write(path, 'x'),
      ]) {
        const { status, code } = await stand.refusal(call());
        assert.deepEqual([status, code], [400, 'invalid_input'], path.slice(0, 20));
      }
    }
    const long = await stand.refusal(files.makeDirectory(`/app/${'x'.repeat(300)}`));
    assert.deepEqual([long.status, /name too long/.test(long.message)], [400, true], long.message);
    await sandbox.exec('ln -s loop loop');
    assert.equal((await stand.refusal(files.list('/app/loop'))).status, 400);
  });
});
