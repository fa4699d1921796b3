import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ThawError } from '../../platform/errors.ts';
import { type ApiFixture, startApi } from '../fixtures/api.ts';

const SECRET = 'hunter2-hunter2';

describe('the environment of an app', () => {
  let api: ApiFixture;
  /** Branches that were baked again. */
  let baked: string[];
  before(async () => {
    api = await startApi();
    api.parts.redeploy = async ({ app, branch }, report) => {
      baked.push(branch);
      report('Starting');
      const deployed = await api.released(app.name, branch);
      return deployed;
    };
  });
  after(() => api[Symbol.asyncDispose]());

  const put = (app: string, json: unknown, query = '') => {
    baked = [];
    return api.call('PUT', `/v1/apps/${app}/environment${query}`, { json });
  };

  test('a change is kept, and what is in front is baked again with it, line by line', async () => {
    await api.deployed('first');
    const { status, headers, json } = await put('first', { target: 'production', values: { PASSWORD: SECRET } });
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/x-ndjson');
    const done = json.at(-1);
    assert.deepEqual(json.slice(0, -1), [
      { type: 'line', text: 'Baking main again with the new values' },
      { type: 'line', text: 'Starting' },
    ]);
    assert.equal(done.type, 'done');
    assert.deepEqual(
      done.entries.map(({ name, target }: { name: string; target: string }) => [name, target]),
      [['PASSWORD', 'production']],
    );
    assert.equal(done.deployed[0].release.number, 2);
    assert.ok(!('run' in done.deployed[0].deployment));
    assert.ok(!JSON.stringify(json).includes(SECRET));
    const id = done.deployed[0].deployment.id;
    assert.deepEqual(await api.control.deployments.environment(id), { PASSWORD: SECRET });
  });

  test('names are listed without values; values are told to those who manage', async () => {
    await api.deployed('told');
    const branch = { branch: 'topic/x' };
    await put('told', { target: 'production', values: { A: SECRET } }, '?redeploy=false');
    await put('told', { target: 'preview', values: { A: 'p', B: '' } }, '?redeploy=false');
    await put('told', { target: branch, values: { A: 't' } }, '?redeploy=false');
    assert.deepEqual(baked, []);
    const listed = await api.call('GET', '/v1/apps/told/environment', { key: await api.key('default', ['read']) });
    assert.equal(listed.json.entries.length, 4);
    assert.ok(
      listed.json.entries.some(({ target }: { target: unknown }) => JSON.stringify(target) === JSON.stringify(branch)),
    );
    assert.ok(!JSON.stringify(listed.json).includes(SECRET));
    const key = await api.key('default', ['manage']);
    const values = async (query: string) =>
      (await api.call('GET', `/v1/apps/told/environment/values${query}`, { key })).json.values;
    assert.deepEqual(await values(''), { A: SECRET });
    assert.deepEqual(await values('?target=production'), { A: SECRET });
    assert.deepEqual(await values('?target=preview'), { A: 'p', B: '' });
    assert.deepEqual(await values(`?branch=${encodeURIComponent('topic/x')}`), { A: 't', B: '' });
    for (const query of ['?target=all', '?branch=a..b', '?target=preview&branch=x']) {
      assert.equal((await api.call('GET', `/v1/apps/told/environment/values${query}`)).status, 400, query);
    }
  });

  test('only branches that the change concerns, and that have other values now, are baked again', async () => {
    await api.deployed('many');
    for (const branch of ['one', 'two', 'ended']) await api.released('many', branch);
    await api.control.releases.endBranch('many', 'ended');
    await put('many', { target: { branch: 'one' }, values: { A: 'own' } });
    assert.deepEqual(baked, ['one']);
    await put('many', { target: 'preview', values: { A: 'all' } });
    assert.deepEqual(baked, ['two'], 'the value of the branch itself wins, so nothing changed for it');
    const same = await put('many', { target: 'preview', values: { A: 'all' } });
    assert.deepEqual(baked, []);
    assert.deepEqual(same.json.at(-1).deployed, []);
    await put('many', { target: 'production', values: { A: 'main' } });
    assert.deepEqual(baked, ['main']);
    await put('many', { target: { branch: 'nowhere' }, values: { A: 'x' } });
    assert.deepEqual(baked, []);
  });

  test('a bake that fails leaves the values and the old release, says both, and does not keep other branches', async () => {
    await api.deployed('broken');
    for (const branch of ['one', 'two']) await api.released('broken', branch);
    const working = api.parts.redeploy;
    api.parts.redeploy = async (request, report, signal) => {
      if (request.branch === 'two') throw new ThawError('build_failed', 'It needs A.', { hint: 'Set it.' });
      return working(request, report, signal);
    };
    const { status, json } = await put('broken', { target: 'preview', values: { B: '1' } });
    assert.equal(status, 200);
    assert.deepEqual(json.at(-1), {
      type: 'failed',
      error: { code: 'build_failed', message: 'It needs A.', hint: 'Set it.' },
    });
    assert.ok(
      json.some(({ text }: { text?: string }) => /values are kept; what is in front of two stays/.test(text ?? '')),
    );
    assert.deepEqual(baked, ['one']);
    assert.equal((await api.control.releases.current('broken', 'two'))?.number, 1);
    assert.equal((await api.control.releases.current('broken', 'one'))?.number, 2);
    api.parts.redeploy = working;
    // The same change once more goes on where it failed.
    await put('broken', { target: 'preview', values: { B: '1' } });
    assert.deepEqual(baked, ['two']);
  });

  test('wrong names and values are refused by name, and nothing of the change is kept', async () => {
    await api.deployed('wrong');
    const wrong: [unknown, number][] = [
      [{ target: 'production', values: { OK: 'x', 'NOT-OK': 'x' } }, 400],
      [{ target: 'production', values: { OK: 'x', PORT: '1' } }, 400],
      [{ target: 'production', values: { OK: 'x', THAW_URL: '1' } }, 400],
      [{ target: 'production', values: { OK: 'x', A: 1 } }, 400],
      [{ target: 'production', values: { OK: 'x', A: 'a\0' } }, 400],
      [{ target: 'production', values: { OK: 'x', A: 'x'.repeat(70_000) } }, 413],
      [{ target: 'production', values: [['OK', 'x']] }, 400],
      [{ target: 'staging', values: { OK: 'x' } }, 400],
      [{ target: { branch: 'a..b' }, values: { OK: 'x' } }, 400],
      [{ target: { branch: 'x', more: 1 }, values: { OK: 'x' } }, 400],
      [{ values: { OK: 'x' } }, 400],
      [{ target: 'production' }, 400],
      [null, 400],
    ];
    for (const [json, expected] of wrong) {
      const { status, json: answer } = await put('wrong', json);
      assert.equal(status, expected, JSON.stringify(answer));
    }
    const hidden = '{"target":"production","values":{"__proto__":"x","OK":"x"}}';
    const headers = { 'content-type': 'application/json' };
    const answer = await api.call('PUT', '/v1/apps/wrong/environment', { body: hidden, headers });
    assert.match(answer.json.error.message, /__proto__/);
    assert.equal((await put('wrong', { target: 'production', values: {} }, '?redeploy=no')).status, 400);
    assert.deepEqual((await api.call('GET', '/v1/apps/wrong/environment')).json, { entries: [] });
  });

  test('an environment at its limit passes, one beyond what JSON could need is cut off', async () => {
    await api.deployed('large');
    const values = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`V${i}`, '\x01'.repeat(63 * 1024)]));
    const { json } = await put('large', { target: 'production', values });
    assert.equal(json.at(-1).type, 'done');
    const beyond = await put('large', { target: 'production', values: { A: 'x'.repeat(3 * 1024 * 1024) } });
    assert.equal(beyond.json.error.code, 'too_large');
  });
});
