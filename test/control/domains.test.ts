import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onBothDatabases, RUN } from '../fixtures/control.ts';

onBothDatabases('domains', (at) => {
  const app = async () => (await at.control.apps.create(at.fresh('app'), 'default')).name;
  const release = async (name: string, branch = 'main') => {
    const { id } = await at.control.deployments.begin({ app: name, branch, commit: null });
    const scaling = { maxInstances: 3, sleep: 'freeze' } as const;
    await at.control.deployments.ready(id, { kind: 'web', template: 't_x', run: RUN, scaling });
    await at.control.releases.create({ app: name, branch, deployment: id, reason: 'push' });
    return id;
  };
  const add = (name: string, host: string) => at.control.domains.add(name, host);
  const leadsTo = async (label: string) =>
    (await at.control.routes()).find((route) => route.label === label)?.deployment;

  test('one leads to what is in front of the app itself, from the first release on', async () => {
    const [name, host] = [await app(), `${at.fresh('www')}.example.com`];
    assert.deepEqual(await add(name, host), { host, app: name, createdAt: at.now.toISOString() });
    assert.equal(await leadsTo(host), undefined);
    await release(name, 'topic');
    assert.equal(await leadsTo(host), undefined);
    const first = await release(name);
    assert.equal(await leadsTo(host), first);
    const second = await release(name);
    assert.equal(await leadsTo(host), second);
    const route = (await at.control.routes()).find(({ label }) => label === host);
    assert.deepEqual(route, {
      label: host,
      app: name,
      project: 'default',
      deployment: second,
      kind: 'web',
      template: 't_x',
      shape: RUN.shape,
      port: RUN.port,
      scaling: { maxInstances: 3, sleep: 'freeze' },
    });
    await at.control.domains.remove(name, host.toUpperCase());
    assert.equal(await leadsTo(host), undefined);
    await assert.rejects(at.control.domains.remove(name, host), { code: 'not_found' });
  });

  test('names come to one form: lower case, ASCII, no dot at the end', async () => {
    const name = await app();
    const forms: [string, string][] = [
      ['WWW.One.Example', 'www.one.example'],
      ['two.example.', 'two.example'],
      ['*.three.example', '*.three.example'],
      ['bücher.example', 'xn--bcher-kva.example'],
      ['*.BÜCHER.example', '*.xn--bcher-kva.example'],
      ['xn--4ca.example', 'xn--4ca.example'],
      ['full。width。example', 'full.width.example'],
      [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
    ];
    for (const [given, host] of forms) assert.equal((await add(name, given)).host, host);
    const hosts = forms.map(([, host]) => host).sort();
    assert.deepEqual((await at.control.domains.list(name)).map(({ host }) => host).sort(), hosts);
    await assert.rejects(add(name, 'Bücher.Example'), {
      code: 'conflict',
      message: /has xn--bcher-kva\.example already/,
    });
    await at.control.domains.remove(name, '*.Bücher.example.');
  });

  test('what is no host name is refused with the rule', async () => {
    const name = await app();
    const wrong = [
      '',
      '.',
      'example',
      'localhost',
      '*',
      '*.',
      '*.com',
      'a..example',
      '.a.example',
      '-a.example',
      'a-.example',
    ];
    wrong.push(
      'a_b.example',
      'a b.example',
      'a.example:80',
      'a.example/x',
      'http://a.example',
      'user@a.example',
      '%65.example',
    );
    wrong.push(
      '1.2.3.4',
      '0x7f.1',
      '::1',
      '[::1]',
      'a.123',
      '*.*.example',
      'a.*.example',
      'x*.example',
      '＊.a.example',
    );
    wrong.push('a\0.example', 'a\n.example', 'a.example\n', 'a.example..', "a'.example", 'a.example?x', 'a.example#x');
    wrong.push(`${'a'.repeat(64)}.example`, `${'a.'.repeat(127)}example`, '\ud800.example', 'x'.repeat(100_000));
    for (const host of wrong) {
      await assert.rejects(add(name, host), (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'invalid_input', JSON.stringify(host.slice(0, 50)));
        assert.match(error.hint ?? '', /www\.example\.com/);
        assert.ok(error.message.length < 400);
        return true;
      });
    }
    assert.deepEqual(await at.control.domains.list(name), []);
    await assert.rejects(add('nowhere', 'a.example'), { code: 'not_found' });
  });

  test('host names of the platform itself cannot be had', async () => {
    const name = await app();
    for (const host of [
      'shop.thaw.test',
      '*.thaw.test',
      'a.b.thaw.test',
      'thaw.test',
      'Shop.THAW.test.',
      'ｔhaw.test',
    ]) {
      await assert.rejects(add(name, host), { code: 'invalid_input', message: /belongs to the platform/ }, host);
    }
    assert.equal((await add(name, 'notthaw.test')).host, 'notthaw.test');
  });

  test('a host name belongs to one app; whose it is, is not told', async () => {
    const [one, two] = [await app(), await app()];
    const host = `${at.fresh('www')}.taken.example`;
    const outcomes = await Promise.allSettled([add(one, host), add(two, host), add(one, host)]);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    const owner = (await at.control.domains.list(one)).some((domain) => domain.host === host) ? one : two;
    const other = owner === one ? two : one;
    await assert.rejects(add(other, host), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'conflict');
      assert.ok(!error.message.includes(owner));
      return true;
    });
    await assert.rejects(at.control.domains.remove(other, host), { code: 'not_found' });
    await at.control.apps.remove(owner, null);
    assert.equal((await add(other, host)).app, other);
  });

  test('listeners hear of a domain that comes and goes', async () => {
    let heard = 0;
    const stop = at.control.onRoutesChanged(() => {
      heard += 1;
    });
    const name = await app();
    await add(name, 'heard.example');
    await add(name, 'heard.example').catch(() => {});
    assert.equal(heard, 1);
    await at.control.domains.remove(name, 'heard.example');
    assert.equal(heard, 2);
    stop();
  });
});
