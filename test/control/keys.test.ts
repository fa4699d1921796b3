import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { onBothDatabases } from '../fixtures/control.ts';

onBothDatabases('keys', (at) => {
  const adminKeyFile = () => join(at.dataDir, 'admin.key');
  const adminSecret = async () => (await readFile(adminKeyFile(), 'utf8')).trim();

  test('the first start writes an admin key that only the owner can read', async () => {
    assert.equal((await stat(adminKeyFile())).mode & 0o777, 0o600);
    const secret = await adminSecret();
    assert.match(secret, /^thw_[0-9A-Za-z]{40}$/);
    const principal = await at.control.keys.authenticate(secret);
    assert.equal(principal.project, null);
    assert.deepEqual(principal.scopes, ['read', 'deploy', 'manage']);
  });

  test('a restart keeps the admin key', async () => {
    const before = await adminSecret();
    await at.reopen();
    assert.equal(await adminSecret(), before);
    assert.equal((await at.control.keys.list(null)).filter(({ name }) => name === 'admin').length, 1);
  });

  test('a start without the file writes a new admin key, and the old one goes on working', async () => {
    const before = await adminSecret();
    await rm(adminKeyFile());
    await at.reopen();
    const after = await adminSecret();
    assert.notEqual(after, before);
    await at.control.keys.authenticate(before);
    await at.control.keys.authenticate(after);
  });

  test('a start with a file whose key is revoked or unknown writes a new one', async () => {
    const revoked = await at.control.keys.authenticate(await adminSecret());
    await at.control.keys.revoke(revoked.keyId, null);
    await at.reopen();
    assert.equal((await at.control.keys.authenticate(await adminSecret())).project, null);
    await writeFile(adminKeyFile(), 'what is this\n');
    await at.reopen();
    assert.equal((await at.control.keys.authenticate(await adminSecret())).project, null);
  });

  test('a key stands for its project and scopes, and its secret is nowhere to be read again', async () => {
    const { key, secret } = await at.control.keys.create({ name: 'ci', project: 'default', scopes: ['deploy'] });
    assert.match(secret, /^thw_[0-9A-Za-z]{40}$/);
    assert.equal(key.prefix, secret.slice(0, 12));
    assert.deepEqual(await at.control.keys.authenticate(secret), {
      keyId: key.id,
      project: 'default',
      scopes: ['read', 'deploy'],
    });
    assert.ok(!JSON.stringify(await at.control.keys.list(null)).includes(secret.slice(12)));
  });

  test('a greater scope holds the lesser ones; a key without any is refused', async () => {
    const { key } = await at.control.keys.create({ name: 'm', project: 'default', scopes: ['manage', 'read'] });
    assert.deepEqual(key.scopes, ['read', 'deploy', 'manage']);
    const none = at.control.keys.create({ name: 'n', project: 'default', scopes: [] });
    await assert.rejects(none, { code: 'invalid_input' });
  });

  test('unknown, malformed and revoked secrets are refused alike', async () => {
    const { key, secret } = await at.control.keys.create({ name: 'old', project: 'default', scopes: ['read'] });
    await at.control.keys.revoke(key.id, null);
    const wrong = [
      secret,
      secret.toLowerCase(),
      `thw_${'A'.repeat(40)}`,
      '',
      'thw_',
      `${secret} `,
      `${secret}'--`,
      '\0',
    ];
    for (const text of wrong) {
      await assert.rejects(at.control.keys.authenticate(text), {
        code: 'unauthenticated',
        message: 'This key is not valid.',
      });
    }
  });

  test('a key is revoked once, and not from another project', async () => {
    const project = at.fresh('other');
    await at.control.projects.create(project);
    const { key, secret } = await at.control.keys.create({ name: 'mine', project: 'default', scopes: ['read'] });
    await assert.rejects(at.control.keys.revoke(key.id, project), { code: 'not_found' });
    await at.control.keys.authenticate(secret);
    await at.control.keys.revoke(key.id, 'default');
    await assert.rejects(at.control.keys.revoke(key.id, null), { code: 'not_found' });
    const shown = (await at.control.keys.list('default')).find(({ id }) => id === key.id);
    assert.equal(shown?.revokedAt, at.now.toISOString());
  });

  test('a project sees its own keys alone', async () => {
    const project = at.fresh('apart');
    await at.control.projects.create(project);
    const { key } = await at.control.keys.create({ name: 'own', project, scopes: ['read'] });
    assert.deepEqual(await at.control.keys.list(project), [key]);
    assert.ok((await at.control.keys.list(null)).some(({ id }) => id === key.id));
  });

  test('the use of a key is noted, at most once a minute', async () => {
    const { key, secret } = await at.control.keys.create({ name: 'used', project: 'default', scopes: ['read'] });
    const lastUsedAt = async () => {
      // What is noted beside the request is written when the control plane has closed.
      await at.reopen();
      return (await at.control.keys.list(null)).find(({ id }) => id === key.id)?.lastUsedAt;
    };
    assert.equal(await lastUsedAt(), null);
    const first = at.now.toISOString();
    await Promise.all(Array.from({ length: 20 }, () => at.control.keys.authenticate(secret)));
    assert.equal(await lastUsedAt(), first);
    at.now = new Date(at.now.getTime() + 59_000);
    await at.control.keys.authenticate(secret);
    assert.equal(await lastUsedAt(), first);
    at.now = new Date(at.now.getTime() + 2_000);
    await at.control.keys.authenticate(secret);
    assert.equal(await lastUsedAt(), at.now.toISOString());
  });

  test('a key needs a project that exists and a name on one line', async () => {
    const missing = at.control.keys.create({ name: 'x', project: 'nowhere', scopes: ['read'] });
    await assert.rejects(missing, { code: 'not_found' });
    for (const name of ['', '  ', 'a\nb', 'x'.repeat(101), '\0']) {
      const bad = at.control.keys.create({ name, project: 'default', scopes: ['read'] });
      await assert.rejects(bad, { code: 'invalid_input' });
    }
  });
});
