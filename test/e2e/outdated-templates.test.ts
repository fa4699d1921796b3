import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { deploymentTemplates, makeStale } from '../fixtures/machine-state.ts';
import { startServer } from '../fixtures/server.ts';

test('a template made by another QEMU, accelerator or kernel is baked again for the request that needs it', async () => {
  await using server = await startServer();
  await using tree = await WorkTree.create({ 'index.js': "export default () => new Response('still here');\n" });
  const pushed = await tree.push(server.remote('lasting'));
  assert.equal(pushed.code, 0, pushed.text);
  const edge = new EdgeClient(server.config, 'lasting');
  const { data } = server.config;

  for (const dependency of ['vmm', 'accelerator', 'kernel'] as const) {
    await server.stop();
    const [before] = await deploymentTemplates(data);
    assert.ok(before);
    await makeStale(data, before.id, dependency);
    await server.start();
    const answer = await edge.ask();
    assert.equal(answer.status, 200, `${dependency}: ${answer.text}`);
    assert.equal(answer.text, 'still here');
    assert.equal(answer.start, 'cold');
    const after = await deploymentTemplates(data);
    assert.deepEqual(
      after.map(({ id }) => id !== before.id),
      [true],
      'one template, and not the old one',
    );
  }
});
