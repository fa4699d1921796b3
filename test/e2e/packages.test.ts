import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { nodeServer, PNPM_LOCK } from '../builders/locked-trees.ts';
import { example } from '../fixtures/example.ts';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

describe('packages, from their real indexes', () => {
  let server: ServerFixture;
  before(async () => {
    server = await startServer();
  });
  after(() => server[Symbol.asyncDispose]());

  test('fastapi-app', async () => {
    await using tree = await example('fastapi-app');
    const { code, text } = await tree.push(server.remote('fastapi-app'));
    assert.equal(code, 0, text);
    assert.deepEqual((await new EdgeClient(server.config, 'fastapi-app').ask()).json, { hello: 'fastapi' });
  });

  test('an app with the lockfile of pnpm', async () => {
    await using tree = await WorkTree.create({
      'server.js': nodeServer('pnpm'),
      'package.json': JSON.stringify({
        name: 'n',
        private: true,
        scripts: { start: 'node server.js' },
        dependencies: { ms: '2.1.3' },
      }),
      'pnpm-lock.yaml': PNPM_LOCK,
    });
    const { code, text } = await tree.push(server.remote('by-pnpm'));
    assert.equal(code, 0, text);
    assert.match(text, /Installing dependencies \(pnpm install --frozen-lockfile\)/);
    assert.equal((await new EdgeClient(server.config, 'by-pnpm').ask()).text, '1s pnpm');
  });
});
