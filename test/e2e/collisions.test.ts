import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { artifacts, deploymentTemplates } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const answering = (text: string) => `export default () => new Response(${JSON.stringify(text)});\n`;

describe('a push', () => {
  let server: ServerFixture;
  before(async () => {
    server = await startServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const says = async (app: string) => (await new EdgeClient(server.config, app).ask()).text;

  test('during rollbacks is the newest release when it is done; what was gone back to is there until then', async () => {
    await using tree = await WorkTree.create({ 'index.js': answering('one') });
    assert.equal((await tree.push(server.remote('shop'))).code, 0);
    await tree.commit({ 'index.js': answering('two') });
    assert.equal((await tree.push(server.remote('shop'))).code, 0);
    await tree.commit({ 'index.js': answering('three') });
    const pushing = tree.start(['push', server.remote('shop'), 'main']);
    await pushing.seen(/Detected/);
    await server.thaw.releases.rollback('shop');
    assert.equal(await says('shop'), 'one');
    const pushed = await pushing.done;
    assert.equal(pushed.code, 0, pushed.text);
    assert.equal(await says('shop'), 'three');
    const releases = await server.thaw.releases.list('shop');
    assert.deepEqual(
      releases.map(({ number, reason }) => `${number} ${reason}`),
      ['4 push', '3 rollback', '2 push', '1 push'],
    );
    // Back to what was in front before, and that is what was rolled back to.
    await server.thaw.releases.rollback('shop');
    assert.equal(await says('shop'), 'one');
  });

  test('whose app is removed while it builds is refused with that reason, and nothing of it stays', async () => {
    await using tree = await WorkTree.create({
      'package.json': JSON.stringify({ scripts: { build: 'sleep 60', start: 'node server.js' } }),
      'server.js': '',
    });
    const [templates, kept] = [await deploymentTemplates(server.config.data), await artifacts(server.config.data)];
    const pushing = tree.start(['push', server.remote('removed'), 'main']);
    await pushing.seen(/Building/);
    await server.thaw.apps.remove('removed');
    const pushed = await pushing.done;
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.text, /The app removed was removed while this was being built/);
    assert.deepEqual(await deploymentTemplates(server.config.data), templates);
    assert.deepEqual(await artifacts(server.config.data), kept);
    assert.equal((await new EdgeClient(server.config, 'removed').ask()).status, 404);
    await server.asleep();
    // Its name is free again.
    await tree.replace({ 'index.js': answering('anew') });
    assert.equal((await tree.push(server.remote('removed'))).code, 0);
    assert.equal(await says('removed'), 'anew');
  });

  test('that is interrupted ends its build at once', async () => {
    await using tree = await WorkTree.create({
      'package.json': JSON.stringify({ scripts: { build: 'sleep 60', start: 'node server.js' } }),
      'server.js': '',
    });
    const pushing = tree.start(['push', server.remote('interrupted'), 'main']);
    await pushing.seen(/Building/);
    pushing.interrupt();
    await pushing.done;
    await server.asleep();
    const status = async () => (await server.thaw.deployments.list('interrupted'))[0]?.status;
    for (let tries = 0; (await status()) === 'building' && tries < 100; tries += 1) await sleep(50);
    assert.equal(await status(), 'failed');
  });
});
