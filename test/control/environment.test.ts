import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Control, EnvironmentTarget } from '../../platform/control/contract.ts';
import { openControl } from '../../platform/control/open.ts';
import { createSeal } from '../../platform/control/sealed.ts';
import { silentLog } from '../../platform/log.ts';
import { onBothDatabases, RUN, temporaryDirectory } from '../fixtures/control.ts';

const SECRET = 'hunter2-ünï "quoted"\nsecond line';

onBothDatabases('environment', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const change = (name: string, target: EnvironmentTarget, values: Record<string, string | null>) =>
    at.control.environment.change(name, target, values);

  test('a branch gets what is set for its kind, and what is set for itself wins', async () => {
    const name = await app();
    await change(name, 'production', { A: 'production', B: 'production' });
    await change(name, 'preview', { A: 'preview', C: 'preview' });
    await change(name, { branch: 'topic/x' }, { A: 'topic', D: '' });
    await change(name, { branch: 'main' }, { B: 'main alone' });
    const of = (branch: string) => at.control.environment.of(name, branch);
    assert.deepEqual(await of('main'), { A: 'production', B: 'main alone' });
    assert.deepEqual(await of('other'), { A: 'preview', C: 'preview' });
    assert.deepEqual(await of('topic/x'), { A: 'topic', C: 'preview', D: '' });
    const values = (target: EnvironmentTarget) => at.control.environment.values(name, target);
    assert.deepEqual(await values('production'), await of('main'));
    assert.deepEqual(await values('preview'), { A: 'preview', C: 'preview' });
    assert.deepEqual(await values({ branch: 'topic/x' }), await of('topic/x'));
    assert.deepEqual(await of('preview'), { A: 'preview', C: 'preview' }, 'a branch called as a target is a branch');
  });

  test('a change sets and removes in one step, or does nothing at all', async () => {
    const name = await app();
    await change(name, 'production', { A: '1', B: '2', C: '3' });
    await change(name, 'production', { A: 'new', B: null, NEVER_THERE: null });
    await assert.rejects(change(name, 'production', { A: null, 'C-': 'x' }), { code: 'invalid_input' });
    assert.deepEqual(await at.control.environment.of(name, 'main'), { A: 'new', C: '3' });
    await change(name, 'production', {});
    assert.deepEqual(
      (await at.control.environment.list(name)).map((entry) => [entry.name, entry.target, entry.updatedAt]),
      [
        ['A', 'production', at.now.toISOString()],
        ['C', 'production', at.now.toISOString()],
      ],
    );
  });

  test('a deployment keeps the values of its moment', async () => {
    const name = await app();
    await change(name, 'production', { KEPT: 'then', GONE: 'x' });
    const { id } = await at.control.deployments.begin({ app: name, branch: 'main', commit: null });
    await change(name, 'production', { KEPT: 'now', GONE: null });
    assert.deepEqual(await at.control.deployments.environment(id), { KEPT: 'then', GONE: 'x' });
    const built = await at.control.deployments.ready(id, { kind: 'web', template: 't_x', run: RUN });
    assert.ok(!('environment' in built) && !('environment' in ((await at.control.deployments.list(name))[0] ?? {})));
    await at.reopen();
    assert.deepEqual(await at.control.deployments.environment(id), { KEPT: 'then', GONE: 'x' });
    const preview = await at.control.deployments.begin({ app: name, branch: 'topic', commit: null });
    assert.deepEqual(await at.control.deployments.environment(preview.id), {});
    await assert.rejects(at.control.deployments.environment('d00000000000'), { code: 'not_found' });
  });

  test('every text that an environment can hold comes back', async () => {
    const name = await app();
    const values = { _: '', A1: SECRET, lower: '\u{10ffff}\x01', constructor: 'x', LONG: 'ü'.repeat(32 * 1024) };
    await change(name, { branch: 'x' }, values);
    assert.deepEqual(await at.control.environment.of(name, 'x'), values);
  });

  test('what is wrong is named, and no value is repeated', async () => {
    const name = await app();
    const refused = (values: Record<string, string | null>, code: string, says: RegExp) =>
      assert.rejects(change(name, 'production', values), (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, says);
        assert.ok(error.hint);
        assert.ok(!`${error.message}${error.hint}`.includes('hunter2'));
        return true;
      });
    for (const wrong of ['', '1A', 'A-B', 'A B', 'A=B', 'Ä', 'A\n', 'x'.repeat(129), '__proto__']) {
      await refused(Object.fromEntries([[wrong, 'hunter2']]), 'invalid_input', /cannot be called/);
    }
    await refused({ PORT: 'hunter2' }, 'invalid_input', /PORT/);
    await refused({ THAW_X: null }, 'invalid_input', /THAW_X/);
    await refused({ GOOD: 'x', BAD: 'hunter2\0' }, 'invalid_input', /BAD holds a NUL/);
    await refused({ BAD: 'hunter2\ud800' }, 'invalid_input', /BAD/);
    await refused({ BAD: `hunter2${'x'.repeat(64 * 1024)}` }, 'too_large', /BAD has 65 KiB/);
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`N${i}`, '']));
    await refused(many, 'too_large', /1001 values/);
    await assert.rejects(change(name, { branch: 'a..b' }, { A: '1' }), { code: 'invalid_input' });
    await assert.rejects(change('nowhere', 'production', { A: '1' }), { code: 'not_found' });
    await assert.rejects(at.control.environment.list('nowhere'), { code: 'not_found' });
    await assert.rejects(at.control.environment.of(name, 'a..b'), { code: 'invalid_input' });
    assert.deepEqual(await at.control.environment.list(name), []);
  });

  test('all targets of an app together have a limit, also for changes at once', async () => {
    const name = await app();
    const large = 'x'.repeat(60 * 1024);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, i) => change(name, { branch: `b${i}` }, { LARGE: large })),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 2);
    for (const { reason } of refused) assert.equal(reason.code, 'too_large');
    assert.equal((await at.control.environment.list(name)).length, 4);
    // What is replaced does not count twice.
    const [{ target } = { target: 'preview' as const }] = await at.control.environment.list(name);
    await change(name, target, { LARGE: large });
  });

  test('an app of the same name, made later, has none of it', async () => {
    const name = await app();
    await change(name, 'production', { A: '1' });
    await at.control.apps.remove(name, null);
    await at.control.apps.create(name, 'default');
    assert.deepEqual(await at.control.environment.list(name), []);
  });
});

describe('environment values at rest', () => {
  const open = (dataDir: string) => openControl({ databaseUrl: undefined, dataDir, log: silentLog() });
  const set = async (control: Control) => {
    await control.apps.create('shop', 'default');
    await control.environment.change('shop', 'production', { PASSWORD: 'hunter2-hunter2' });
    const { id } = await control.deployments.begin({ app: 'shop', branch: 'main', commit: null });
    return id;
  };

  test('no file of the data directory holds one in the clear, and the key is its owner’s alone', async () => {
    await using directory = await temporaryDirectory();
    const control = await open(directory.path);
    await set(control);
    await control[Symbol.asyncDispose]();
    const files = await readdir(directory.path, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      assert.ok(!bytes.includes('hunter2-hunter2'), file.name);
    }
    const key = join(directory.path, 'environment.key');
    assert.equal((await stat(key)).mode & 0o777, 0o600);
    assert.match(await readFile(key, 'utf8'), /^[0-9a-f]{64}\n$/);
  });

  test('without its key the server does not start and lose them; with another key each says so and can be set anew', async () => {
    await using directory = await temporaryDirectory();
    const first = await open(directory.path);
    const id = await set(first);
    await first[Symbol.asyncDispose]();
    const path = join(directory.path, 'environment.key');
    const key = await readFile(path, 'utf8');
    await rm(path);
    await assert.rejects(open(directory.path), { code: 'misconfigured', message: /environment\.key is missing/ });
    await writeFile(path, 'nonsense');
    await assert.rejects(open(directory.path), { code: 'misconfigured', message: /does not hold a key/ });
    await writeFile(path, '0'.repeat(64));
    const second = await open(directory.path);
    const unreadable = { code: 'misconfigured', message: /PASSWORD cannot be decrypted/ };
    await assert.rejects(second.environment.of('shop', 'main'), unreadable);
    await assert.rejects(second.deployments.environment(id), unreadable);
    await second.environment.change('shop', 'production', { PASSWORD: 'new' });
    assert.deepEqual(await second.environment.of('shop', 'main'), { PASSWORD: 'new' });
    await second[Symbol.asyncDispose]();
    await writeFile(path, key);
    await using third = await open(directory.path);
    assert.deepEqual(await third.deployments.environment(id), { PASSWORD: 'hunter2-hunter2' });
  });

  test('a sealed value opens at its own place alone, and not when a bit of it was changed', () => {
    const random = (size: number) => new Uint8Array(size).map((_, i) => i * 7);
    const seal = createSeal(random(32), random);
    const place = { appId: 'a1', name: 'A' };
    const sealed = seal.seal(SECRET, place);
    assert.equal(seal.open(sealed, place), SECRET);
    for (const other of [
      { ...place, name: 'B' },
      { ...place, appId: 'a2' },
      { appId: 'a', name: '1A' },
    ]) {
      assert.throws(() => seal.open(sealed, other), { code: 'misconfigured' });
    }
    const bytes = Buffer.from(sealed, 'base64');
    for (let i = 0; i < bytes.length; i += 1) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.throws(() => seal.open(changed.toString('base64'), place), { code: 'misconfigured' });
    }
    for (const short of ['', 'AAAA', sealed.slice(0, 20)]) {
      assert.throws(() => seal.open(short, place), { code: 'misconfigured' });
    }
  });
});
