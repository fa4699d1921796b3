import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { artifacts, deploymentTemplates } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

type Files = Record<string, string | Uint8Array>;

/** What a push brings, and what git has to print then. */
const BAD: { name: string; files: Files; says: RegExp[] }[] = [
  {
    name: 'throws on load',
    files: { 'index.js': "console.log('connecting');\nthrow new TypeError('no database here');\n" },
    says: [/index\.js ended while it was loading \(exit code 1\)/, /TypeError: no database here/, /index\.js:2/],
  },
  {
    name: 'has a syntax error',
    files: { 'index.js': 'export default {\n  fetch() { return new Response("x" }\n};\n' },
    says: [/cannot be bundled/, /Expected "\)"/, /index\.js:2:/],
  },
  {
    name: 'exits at load',
    files: { 'index.js': "console.error('giving up');\nprocess.exit(3);\n" },
    says: [/\(exit code 3\)/, /giving up/],
  },
  {
    name: 'awaits forever with nothing to wait for',
    files: { 'index.js': 'await new Promise(() => {});\nexport default () => new Response("x");\n' },
    says: [/waits at its top level for something that never happens/],
  },
  {
    name: 'never listens',
    files: {
      'index.js': "console.error('still waiting');\nsetInterval(() => {}, 1000);\nawait new Promise(() => {});\n",
    },
    says: [/was not ready to answer within 4 s/, /still waiting/],
  },
  {
    name: 'loops forever',
    files: { 'index.js': "console.error('around');\nfor (;;);\n" },
    says: [/was not ready to answer within 4 s/, /around/],
  },
  {
    name: 'needs a module that is not there',
    files: {
      'index.js': "import pad from './pad.js';\nimport { x } from 'not-installed';\nexport default () => pad(x);\n",
    },
    says: [/imports what is not there/, /pad\.js/, /not-installed/],
  },
  {
    name: 'is not a function',
    files: { 'index.js': 'export const answer = 42;\n' },
    says: [/exports nothing that answers requests/],
  },
  { name: 'is nothing that is known', files: { 'main.py': 'print(1)\n' }, says: [/Nothing was found that can be run/] },
  {
    name: 'is larger than the limit',
    files: { 'index.js': 'export default () => new Response("x");\n', 'large.bin': randomBytes(2 * 1024 * 1024) },
    says: [/The source is larger than 1 MiB unpacked/],
  },
];

describe('a push that is refused', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let tree: WorkTree;
  let edge: EdgeClient;
  let good: string;
  let secret: { directory: string; file: string; text: string };

  before(async () => {
    server = stack.use(await startServer({ THAW_MAX_SOURCE_MB: 1, THAW_START_TIMEOUT_MS: 4000 }));
    const directory = await mkdtemp('/tmp/thaw-secret-');
    stack.defer(() => rm(directory, { recursive: true }));
    secret = { directory, file: join(directory, 'secret.txt'), text: `secret-${randomBytes(8).toString('hex')}` };
    await writeFile(secret.file, secret.text);
    tree = stack.use(await WorkTree.create({ 'index.js': 'export default () => new Response("good");\n' }));
    const { code, text } = await tree.push(server.remote('shop'));
    assert.equal(code, 0, text);
    good = (await tree.git('rev-parse', 'HEAD')).text.trim();
    edge = new EdgeClient(server.config, 'shop');
  });
  after(() => stack.disposeAsync());

  /** Production is as it was, and nothing of the push is left. */
  async function untouched(): Promise<void> {
    const answer = await edge.ask();
    assert.equal(answer.text, 'good');
    assert.match((await tree.git('ls-remote', server.remote('shop'))).text, new RegExp(`^${good}\tHEAD`));
    const deployments = await server.thaw.deployments.list('shop');
    const ready = deployments.filter(({ status }) => status === 'ready').map(({ id }) => id);
    assert.equal(ready.length, 1);
    assert.ok(deployments.every(({ status }) => status === 'ready' || status === 'failed'));
    const { data } = server.config;
    assert.deepEqual(await artifacts(data), ready);
    assert.deepEqual(
      (await deploymentTemplates(data)).map(({ labels }) => labels.deployment),
      ready,
    );
    await server.asleep();
    assert.deepEqual((await server.holdings()).files, []);
  }

  async function refused(refspec: string, says: RegExp[]): Promise<void> {
    const { code, text, remote } = await tree.push(server.remote('shop'), refspec);
    assert.notEqual(code, 0, text);
    for (const pattern of says) assert.match(remote.join('\n'), pattern);
    assert.doesNotMatch(text, new RegExp(secret.text));
    await untouched();
  }

  for (const { name, files, says } of BAD) {
    test(`because its code ${name}`, async () => {
      await tree.git('checkout', '-q', '--detach', 'main');
      await tree.replace(files);
      await refused('HEAD:main', says);
      const failed = (await server.thaw.deployments.list('shop'))[0];
      assert.equal(failed?.status, 'failed');
    });
  }

  test('because it reaches for files of the host', async () => {
    await tree.git('checkout', '-q', '--detach', 'main');
    await symlink(secret.file, join(tree.path, 'link.txt'));
    await tree.commit({ 'index.js': "import text from './link.txt';\nexport default () => new Response(text);\n" });
    await refused('HEAD:main', [/The link link\.txt points outside the repository/]);

    await tree.git('checkout', '-q', '--detach', 'main');
    await tree.commit({ 'index.js': `import text from '${secret.file}';\nexport default () => new Response(text);\n` });
    await refused('HEAD:main', [/imports what is not there/]);

    await tree.git('checkout', '-q', '--detach', 'main');
    await tree.commit({
      'index.js': "import text from '../../../../../../etc/motd.txt';\nexport default () => new Response(text);\n",
    });
    await refused('HEAD:main', [/imports what is not there/]);
  });

  test('because git itself finds a path that leads out', async () => {
    const blob = (await tree.git('rev-parse', 'main:index.js')).text.trim();
    for (const name of ['..', '.git']) {
      const inner = await tree.make('mktree', `100644 blob ${blob}\tindex.js\n`);
      const outer = await tree.make('mktree', `100644 blob ${blob}\tindex.js\n040000 tree ${inner}\t${name}\n`);
      const commit = (await tree.git('commit-tree', '-m', 'trick', '-p', 'main', outer)).text.trim();
      const { code, text } = await tree.push(server.remote('shop'), `${commit}:refs/heads/main`);
      assert.notEqual(code, 0, text);
      assert.match(text, name === '..' ? /hasDotdot|contains '\.\.'/ : /hasDotgit|contains '\.git'/);
      await untouched();
    }
  });

  test('because the key is wrong or the name is none', async () => {
    const wrong = await tree.push(server.remote('shop', `thw_${'A'.repeat(40)}`));
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.text, /Authentication failed|401/);
    for (const name of ['Shop', 'two--parts', '80-shop', 'a'.repeat(41), '-shop', 'shop.x', '..%2f..%2fetc']) {
      const { code, text } = await tree.push(server.remote(name));
      assert.notEqual(code, 0, `${name}: ${text}`);
    }
    assert.deepEqual(
      (await server.thaw.apps.list()).map(({ name }) => name),
      ['shop'],
    );
    const { code } = await tree.git('ls-remote', server.remote('unknown'));
    assert.notEqual(code, 0);
    await untouched();
  });

  test('and so are requests that make no sense, to the API and to the edge', async () => {
    const call = async (method: string, path: string, body?: string, key = server.key) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const answer = await fetch(server.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
      // biome-ignore lint/suspicious/noExplicitAny: what an error holds is what is tested
      return { status: answer.status, error: ((await answer.json()) as any).error };
    };
    const expected = async (status: number, code: string, ...asked: Parameters<typeof call>) => {
      const { error, ...answer } = await call(...asked);
      assert.equal(answer.status, status, JSON.stringify(error));
      assert.equal(error.code, code);
      assert.equal(typeof error.message, 'string');
    };
    await expected(401, 'unauthenticated', 'GET', '/v1/apps', undefined, 'thw_wrong');
    await expected(404, 'not_found', 'GET', '/v1/apps/unknown');
    await expected(404, 'not_found', 'GET', '/v1/apps/unknown/logs');
    await expected(400, 'invalid_input', 'POST', '/v1/apps', '{"name":');
    await expected(400, 'invalid_input', 'POST', '/v1/apps', JSON.stringify({ name: 'x'.repeat(64) }));
    await expected(400, 'invalid_input', 'POST', '/v1/apps', JSON.stringify({ name: 'not_dns' }));
    await expected(413, 'too_large', 'POST', '/v1/apps', JSON.stringify({ name: 'x'.repeat(100_000) }));

    const json = await edge.ask('/', { label: 'unknown' });
    assert.equal(json.status, 404);
    assert.equal(json.json.error.code, 'not_found');
    const page = await edge.ask('/', { label: 'unknown', headers: { accept: 'text/html' } });
    assert.equal(page.status, 404);
    assert.match(page.text, /^<!doctype html>/);
    for (const host of [
      'localhost',
      'shop.example.org',
      `${'a'.repeat(64)}.localhost`,
      'a.shop.localhost',
      '-.localhost',
    ]) {
      assert.equal((await edge.ask('/', { headers: { host } })).status, 404, host);
    }
    await untouched();
  });
});
