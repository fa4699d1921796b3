import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { onBothDatabases } from '../fixtures/control.ts';

onBothDatabases('artifacts', (at) => {
  const folder = () => join(at.dataDir, 'artifacts');
  const deployment = async () => {
    const { name } = await at.control.apps.create(at.fresh('app'), 'default');
    return (await at.control.deployments.begin({ app: name, branch: 'main', commit: null })).id;
  };
  const collect = async (chunks: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(chunks));

  test('what was put is there, also after a restart, for the owner alone', async () => {
    const id = await deployment();
    const chunks = Array.from({ length: 50 }, (_, i) => Buffer.alloc(10_000, i));
    assert.deepEqual(await at.control.artifacts.put(id, stream(chunks)), { bytes: 500_000 });
    await at.reopen();
    assert.deepEqual(await collect(at.control.artifacts.get(id)), Buffer.concat(chunks));
    assert.equal((await stat(join(folder(), `${id}.tar`))).mode & 0o777, 0o600);
  });

  test('a stream that breaks off leaves nothing, and what was there stays', async () => {
    const id = await deployment();
    await at.control.artifacts.put(id, stream([Buffer.from('first')]));
    async function* broken() {
      yield Buffer.from('second');
      throw new Error('the client went away');
    }
    await assert.rejects(at.control.artifacts.put(id, broken()), /the client went away/);
    assert.equal((await collect(at.control.artifacts.get(id))).toString(), 'first');
    assert.deepEqual(
      (await readdir(folder())).filter((file) => file.startsWith(id)),
      [`${id}.tar`],
    );
  });

  test('a missing one is not found; removing it is no error', async () => {
    const id = await deployment();
    await assert.rejects(collect(at.control.artifacts.get(id)), { code: 'not_found' });
    await at.control.artifacts.remove(id);
  });

  test('what is no deployment id never becomes a path', async () => {
    const outside = join(at.dataDir, 'admin.key');
    const before = await readFile(outside, 'utf8');
    for (const id of ['../admin.key', '..', '', '/etc/passwd', 'd0123456789a/../x', 'D0123456789A', 'd0123456789\0']) {
      await assert.rejects(at.control.artifacts.put(id, stream([Buffer.from('x')])), { code: 'not_found' });
      await assert.rejects(at.control.artifacts.remove(id), { code: 'not_found' });
      await assert.rejects(collect(at.control.artifacts.get(id)), { code: 'not_found' });
    }
    assert.equal(await readFile(outside, 'utf8'), before);
  });

  test('a start removes unfinished files and those of no deployment', async () => {
    const id = await deployment();
    await at.control.artifacts.put(id, stream([Buffer.from('kept')]));
    await writeFile(join(folder(), `${id}.tar.0000.part`), 'half');
    await writeFile(join(folder(), 'd00000000000.tar'), 'orphan');
    await at.reopen();
    const files = await readdir(folder());
    assert.ok(files.includes(`${id}.tar`));
    assert.ok(!files.includes('d00000000000.tar') && files.every((file) => !file.endsWith('.part')));
  });
});

async function* stream(chunks: Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}
