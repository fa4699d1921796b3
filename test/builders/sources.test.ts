import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tree } from './built-tree.ts';

const HANDLER = 'export default () => new Response();';
const SERVER = "require('http').createServer().listen(process.env.PORT)";
const json = (value: unknown) => JSON.stringify(value);

const DETECTED: [what: string, files: Record<string, string>, detected: string][] = [
  [
    'start in thaw.toml first',
    { 'thaw.toml': 'start = "node x.js"', Procfile: 'web: node y.js' },
    'Node web app (thaw.toml start)',
  ],
  ['a Procfile before a function', { Procfile: 'web: node y.js', 'index.ts': HANDLER }, 'Node web app (Procfile web)'],
  [
    'the language of a Procfile',
    { Procfile: 'web: gunicorn a:app', 'requirements.txt': 'gunicorn' },
    'Python web app (Procfile web)',
  ],
  [
    'the runtime that thaw.toml names',
    { 'thaw.toml': 'start = "./run"\nruntime = "python"' },
    'Python web app (thaw.toml start)',
  ],
  [
    'a function before a web app',
    { 'index.ts': HANDLER, 'package.json': json({ scripts: { start: 'x' } }) },
    'function (index.ts)',
  ],
  [
    'a server with a start script',
    { 'index.js': SERVER, 'package.json': json({ scripts: { start: 'node index.js' } }) },
    'Node web app (package.json start)',
  ],
  [
    'a start script alone',
    { 'server.js': SERVER, 'package.json': json({ scripts: { start: 'node server.js' } }) },
    'Node web app (package.json start)',
  ],
  [
    'FastAPI',
    { 'requirements.txt': 'fastapi\nuvicorn', 'main.py': 'from fastapi import FastAPI\napp = FastAPI()' },
    'Python web app (requirements.txt, main.py)',
  ],
  [
    'Flask in src',
    { 'pyproject.toml': '[project]\nname="a"', 'src/app.py': 'app = Flask(__name__)' },
    'Python web app (pyproject.toml, src/app.py)',
  ],
  ['Go at the top', { 'go.mod': 'module a', 'main.go': 'package main' }, 'Go web app (go.mod, .)'],
  [
    'the only program of a Go module',
    { 'go.mod': 'module a', 'lib.go': 'package a', 'cmd/x/main.go': 'package main' },
    'Go web app (go.mod, ./cmd/x)',
  ],
  ['a page', { 'index.html': '<p>' }, 'static site (index.html)'],
  ['a page in public', { 'public/index.html': '<p>' }, 'static site (public/index.html)'],
  ['a site that is built', { 'package.json': json({ scripts: { build: 'x' } }) }, 'static site (package.json build)'],
  [
    'a site as thaw.toml says',
    { 'thaw.toml': 'runtime = "static"', 'index.html': '', 'index.js': HANDLER },
    'static site (index.html)',
  ],
];

for (const [what, files, detected] of DETECTED) {
  test(`detects ${what}`, async () => {
    await using code = await tree(files);
    assert.equal((await code.inspect()).detected, detected);
  });
}

const REFUSED: [what: string, files: Record<string, string>, message: RegExp, hint?: RegExp][] = [
  ['a Procfile without web', { Procfile: 'worker: x' }, /no `web:` line/],
  ['a line of a Procfile that is none', { Procfile: 'web: x\nnonsense' }, /Line 2 of the Procfile/],
  ['Python without an app', { 'requirements.txt': 'flask', 'lib.py': 'x = 1' }, /no `app` in main\.py/, /Procfile/],
  ['Go without a program', { 'go.mod': 'module a', 'a.go': 'package a' }, /no package main/],
  [
    'Go with several',
    { 'go.mod': 'module a', 'cmd/a/m.go': 'package main', 'cmd/b/m.go': 'package main' },
    /several programs/,
    /thaw\.toml/,
  ],
  ['a thaw.toml that is wrong', { 'thaw.toml': 'memory = "lots"\nport = 8080', 'index.ts': HANDLER }, /line 1/],
  ['a static site without a page', { 'thaw.toml': 'runtime = "static"' }, /no index\.html/],
];

for (const [what, files, message, hint = /./] of REFUSED) {
  test(`refuses ${what}`, async () => {
    await using code = await tree(files);
    await assert.rejects(code.inspect(), (error: Error & { hint?: string }) => {
      assert.match(error.message, message);
      assert.match(error.hint ?? 'none', hint);
      return true;
    });
  });
}

test('a built site is what its build leaves', async () => {
  await using code = await tree({
    'package.json': json({ scripts: { build: 'mkdir -p dist && echo hello > dist/index.html' } }),
  });
  assert.deepEqual(await code.build(), { kind: 'static', runtime: 'node', root: 'dist', entry: '', name: '' });
});

test('a build step that fails is told with its lines, and one that leaves no page too', async () => {
  await using code = await tree({ 'package.json': json({ scripts: { build: 'echo why; exit 3' } }) });
  await assert.rejects(code.build(), { message: 'The build step failed (exit code 3).', output: ['why'] });
  await using empty = await tree({ 'package.json': json({ scripts: { build: 'true' } }) });
  await assert.rejects(empty.build(), /left no index\.html/);
});

test('a plain call of Node is started without a shell, anything else with the installed programs on its path', async () => {
  await using plain = await tree({
    'package.json': json({ scripts: { start: 'node --enable-source-maps src/server.js' } }),
  });
  assert.deepEqual((await plain.build()).argv, ['node', '--enable-source-maps', 'src/server.js']);
  await using other = await tree({ 'package.json': json({ scripts: { start: 'next start -p $PORT' } }) });
  const [shell, flag, script] = (await other.build()).argv ?? [];
  assert.deepEqual([shell, flag], ['sh', '-c']);
  assert.match(String(script), /node_modules\/\.bin:\$PATH"; next start -p \$PORT$/);
});

test('the release command of a Procfile is kept, a worker is told of', async () => {
  await using code = await tree({ Procfile: 'web: node a.js\nrelease: node migrate.js\nworker: node w.js' });
  assert.equal((await code.build()).release, 'node migrate.js');
  assert.ok(code.said.some((line) => 'say' in line && line.say.includes('`worker` of the Procfile is not run')));
});

test('the key of an install goes by the manifests and not by the code', async () => {
  const files = {
    'server.js': '1',
    'package.json': json({ scripts: { start: 'node server.js' }, dependencies: { a: '1' } }),
  };
  const keyOf = async (more: Record<string, string>) => {
    await using code = await tree({ ...files, ...more });
    return (await code.inspect()).install?.key;
  };
  const key = await keyOf({});
  assert.match(String(key), /^[0-9a-f]{64}$/);
  assert.equal(await keyOf({ 'server.js': '2' }), key);
  assert.notEqual(await keyOf({ 'package-lock.json': '{}' }), key);
  assert.notEqual(await keyOf({ '.npmrc': 'x=1' }), key);
  const lifecycle = { scripts: { start: 'node server.js', postinstall: 'node gen.js' }, dependencies: { a: '1' } };
  assert.equal(await keyOf({ 'package.json': json(lifecycle) }), undefined);
});
