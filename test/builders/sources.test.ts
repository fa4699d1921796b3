import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
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

test('the release command and the worker of a Procfile are kept, other processes are told of', async () => {
  await using code = await tree({
    Procfile: 'web: node a.js\nrelease: node migrate.js\nworker: node w.js\nclock: node c.js',
  });
  const { release, worker } = await code.build();
  assert.deepEqual([release, worker], ['node migrate.js', 'node w.js']);
  assert.ok(code.said.some((line) => 'say' in line && line.say.includes('`clock` of the Procfile is not run')));
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

const START: [what: string, scripts: Record<string, string>, procfile: string | undefined, started: RegExp][] = [
  ['npm start is the script', { start: 'node a.js' }, 'npm start', /^node a\.js$/],
  ['a call of another script is followed', { start: 'yarn serve', serve: 'node a.js' }, undefined, /^node a\.js$/],
  [
    'what runs before it stays',
    { prestart: 'node b.js', start: 'node a.js' },
    undefined,
    /\(node b\.js\) && node a\.js$/,
  ],
  ['scripts in a circle end', { start: 'npm run x', x: 'npm start' }, undefined, /npm (start|run x)$/],
  ['a command of npm is none', { start: 'node a.js', ls: 'node b.js' }, 'npm ls', /npm ls$/],
];

for (const [what, scripts, procfile, started] of START) {
  test(`how an app is started: ${what}`, async () => {
    await using code = await tree({
      'package.json': json({ scripts }),
      ...(procfile === undefined ? {} : { Procfile: `web: ${procfile}` }),
    });
    assert.match(((await code.build()).argv ?? []).join(' '), started);
  });
}

test('what package.json runs before and after the build is run too, in order', async () => {
  await using code = await tree({
    'package.json': json({ scripts: { prebuild: 'echo a > x', build: 'cat x', postbuild: 'mv x index.html' } }),
  });
  await code.build();
  assert.deepEqual(code.said.slice(1), [
    { say: 'Building (echo a > x)' },
    { say: 'Building (cat x)' },
    { output: 'a' },
    { say: 'Building (mv x index.html)' },
  ]);
});

const UNKEYED: [what: string, packageJson: object, files: Record<string, string>][] = [
  ['packages that lie in the tree', { dependencies: { a: 'file:./a' } }, {}],
  ['patches', { dependencies: { a: '1' } }, { 'patches/a.patch': '' }],
  ['hooks of pnpm', { dependencies: { a: '1' } }, { '.pnpmfile.cjs': '' }],
  ['an addon that npm builds unasked', { dependencies: { a: '1' } }, { 'binding.gyp': '{}' }],
  [
    'install scripts of a package in a workspace',
    { workspaces: ['p'], dependencies: { a: '1' } },
    { 'p/package.json': json({ name: 'p', scripts: { prepare: 'x' } }) },
  ],
];

for (const [what, packageJson, files] of UNKEYED) {
  test(`an install is not kept where it may read more of the tree: ${what}`, async () => {
    await using code = await tree({
      'server.js': '1',
      ...files,
      'package.json': json({ scripts: { start: 'node server.js' }, ...packageJson }),
    });
    const { install } = await code.inspect();
    assert.ok(install);
    assert.equal(install.key, undefined);
  });
}

test('requirements with hashes have a key, those that name other files have none', async () => {
  const keyOf = async (requirements: string) => {
    await using code = await tree({ 'requirements.txt': requirements, 'app.py': 'app = 1' });
    return (await code.inspect()).install?.key;
  };
  assert.ok(await keyOf('a==1 \\\n    --hash=sha256:00\n-i https://example.com/simple\n'));
  for (const line of [
    '-r base.txt',
    '-c c.txt',
    '-e .',
    '--requirement=b',
    '.',
    './lib',
    'a @ file:///x',
    '-rbase.txt',
  ]) {
    assert.equal(await keyOf(`${line}\n`), undefined, line);
  }
});

test('packages that only the build needed stay when the start names one', async () => {
  const note = {
    packages: {
      'node_modules/tool': { dev: true, bin: { tool: 'x.js' } },
      'node_modules/a': {},
      '../x': { dev: true },
    },
  };
  const files = (start: string) => ({
    'package.json': json({ scripts: { build: 'true', start } }),
    'node_modules/.package-lock.json': json(note),
    'node_modules/tool/x.js': '',
    'node_modules/a/x.js': '',
  });
  for (const [start, left] of [
    ['node server.js', ['a']],
    ['tool server.js', ['a', 'tool']],
    ['node --import tool server.js', ['a', 'tool']],
  ] as const) {
    await using code = await tree(files(start));
    await code.build();
    const modules = (await readdir(join(code.path, 'node_modules'))).filter((name) => !name.startsWith('.'));
    assert.deepEqual(modules, left, start);
  }
});
