import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Built, Line, Plan } from '../../builders/guest/say.ts';
import { answerOf } from './built-app.ts';
import * as locked from './locked-trees.ts';
import { json } from './locked-trees.ts';
import { openProgram } from './running-program.ts';

const program = await openProgram();
after(() => program[Symbol.asyncDispose]());

const asked = { mask: [] };
const last = <K extends string>(lines: Line[], kind: K) => {
  const line = lines.at(-1);
  assert.ok(line && kind in line, json(lines.slice(-3)));
  return (line as Record<K, unknown>)[kind];
};

async function inspect(tree: string, runtimeRoot: string): Promise<Plan> {
  return last(await program.order({ do: 'inspect', tree, runtimeRoot, env: {}, ...asked }), 'plan') as Plan;
}

const node = (word: string, more: object = {}, files: Record<string, string> = {}) => ({
  'server.js': locked.nodeServer(word),
  'package.json': json({
    name: 'n',
    private: true,
    scripts: { start: 'node server.js' },
    dependencies: { ms: '2.1.3' },
    ...more,
  }),
  ...files,
});
const built = {
  scripts: { build: 'node -p "require(\'is-number\')(1)"', start: 'npm run serve', serve: 'node server.js' },
};
const dev = { devDependencies: { 'is-number': '7.0.0' } };

/** Each is installed once; a second tree of other code goes on from there. */
const INSTALLED: [
  what: string,
  files: (word: string) => Record<string, string>,
  command: string,
  detected: RegExp,
  answer: string,
][] = [
  [
    'npm with a lockfile',
    (word) => node(word, { ...built, ...dev }, { 'package-lock.json': locked.PACKAGE_LOCK }),
    'npm ci',
    /^Node web app/,
    '1s',
  ],
  ['npm without one', (word) => node(word), 'npm install', /^Node web app/, '1s'],
  [
    'pnpm',
    (word) => node(word, {}, { 'pnpm-lock.yaml': locked.PNPM_LOCK }),
    'pnpm install --frozen-lockfile',
    /^Node web app/,
    '1s',
  ],
  [
    'pnpm at the version that the project asks for, called by the build',
    (word) =>
      node(
        word,
        {
          packageManager: 'pnpm@9.15.4+sha512.0',
          scripts: { build: 'pnpm --version | grep -x 9.15.4', start: 'pnpm serve', serve: 'node server.js' },
        },
        { 'pnpm-lock.yaml': locked.PNPM_LOCK },
      ),
    'pnpm install --frozen-lockfile',
    /^Node web app/,
    '1s',
  ],
  [
    'yarn 1',
    (word) => node(word, {}, { 'yarn.lock': locked.YARN_1_LOCK }),
    'yarn install --frozen-lockfile',
    /^Node web app/,
    '1s',
  ],
  [
    'yarn 4',
    (word) => node(word, { name: 'b' }, { 'yarn.lock': locked.YARN_4_LOCK }),
    'yarn install --immutable',
    /^Node web app/,
    '1s',
  ],
  [
    'a workspace of npm, with packages of its own',
    (word) => ({
      ...node(word, {
        workspaces: ['packages/*'],
        dependencies: {},
        scripts: { start: 'node packages/web/server.js' },
      }),
      'packages/web/package.json': json({ name: 'web', version: '1.0.0', dependencies: { ms: '2.1.3' } }),
      'packages/web/server.js': locked.nodeServer(word),
    }),
    'npm install',
    /^Node web app/,
    '1s',
  ],
  [
    'pip, WSGI on waitress',
    (word) => ({ 'requirements.txt': 'waitress==3.0.2\n', 'wsgi.py': locked.wsgi(word) }),
    'pip install -r requirements.txt',
    /requirements\.txt, wsgi\.py/,
    'wsgi',
  ],
  [
    'pip, ASGI on uvicorn, with a second module that is no package',
    (word) => ({
      'pyproject.toml': '[project]\nname = "a"\nversion = "0"\ndependencies = ["uvicorn==0.34.0"]\n',
      'main.py': locked.asgi(word),
      'other.py': '',
    }),
    'pip install the dependencies of pyproject.toml',
    /pyproject\.toml, main\.py/,
    'asgi',
  ],
  [
    'uv',
    (word) => ({
      'pyproject.toml':
        '[project]\nname = "a"\nversion = "0"\nrequires-python = ">=3.9"\ndependencies = ["waitress==3.0.2"]\n',
      'uv.lock': locked.UV_LOCK,
      '.python-version': '3.9\n',
      'src/app.py': locked.wsgi(word),
    }),
    'uv sync --frozen',
    /uv\.lock, src\/app\.py/,
    'wsgi',
  ],
  [
    'Go modules, with the program under cmd',
    (word) => ({ 'go.mod': locked.GO_MOD, 'go.sum': locked.GO_SUM, 'cmd/web/main.go': locked.goServer(word) }),
    'go mod download',
    /^Go web app \(go\.mod, \.\/cmd\/web\)/,
    '0000',
  ],
];

for (const [at, [what, files, command, detected, answer]] of INSTALLED.entries()) {
  test(`installs and runs: ${what}; later code goes on from what is installed`, async () => {
    const tree = await program.tree(`app${at}`, files('first'));
    const plan = await inspect(tree, tree);
    assert.match(plan.detected, detected);
    assert.equal(plan.install?.command, command);
    assert.match(String(plan.install?.key), /^[0-9a-f]{64}$/);
    assert.equal(last(await program.order({ do: 'install', ...asked }), 'installed'), true);

    const next = await program.tree(`next${at}`, files('second'));
    assert.equal((await inspect(next, tree)).install?.key, plan.install?.key);
    const lines = await program.order({ do: 'build', installedIn: tree, ...asked });
    assert.doesNotMatch(json(lines), /Installing/);
    assert.equal(await answerOf(last(lines, 'built') as Built, tree), `${answer} second`);
  });
}

test('devDependencies are there for the build and left out afterwards, with their programs', async () => {
  const modules = await readdir(join(program.directory, 'app0', 'node_modules'));
  assert.deepEqual(
    modules.filter((name) => !name.startsWith('.')),
    ['ms'],
  );
});

test('the lockfile of yarn 1 is as it was, whatever registry it was installed from', async () => {
  const at = INSTALLED.findIndex(([what]) => what === 'yarn 1');
  assert.equal(await readFile(join(program.directory, `app${at}`, 'yarn.lock'), 'utf8'), locked.YARN_1_LOCK);
});

test('packages that a function keeps whole are found and moved whoever installed them', async () => {
  const managers = { pnpm: { 'pnpm-lock.yaml': locked.PNPM_LOCK }, yarn: { 'yarn.lock': locked.YARN_1_LOCK } };
  for (const [name, lock] of Object.entries(managers)) {
    const tree = await program.tree(`function-${name}`, {
      'index.js': "import ms from 'ms'; export default () => ms(1000);",
      'package.json': json({ type: 'module', dependencies: { ms: '2.1.3' }, thaw: { external: ['ms'] } }),
      ...lock,
    });
    assert.equal((await inspect(tree, tree)).detected, 'function (index.js)');
    await program.order({ do: 'install', ...asked });
    const { entry = '' } = last(await program.order({ do: 'build', ...asked }), 'built') as Built;
    assert.deepEqual(await readdir(join(tree, 'node_modules')), ['ms']);
    const module = await import(join(tree, entry));
    assert.equal(module.default(), '1s');
  }
});

const FAILING: [what: string, files: Record<string, string>, message: RegExp, output: RegExp][] = [
  [
    'a lockfile that does not fit',
    node('x', { dependencies: { ms: '2.0.0' } }, { 'package-lock.json': locked.PACKAGE_LOCK }),
    /^Installing the dependencies \(npm ci\) failed/,
    /lock file/,
  ],
  [
    'a lockfile of pnpm that does not fit',
    node('x', { dependencies: { ms: '2.0.0' } }, { 'pnpm-lock.yaml': locked.PNPM_LOCK }),
    /pnpm install --frozen-lockfile\) failed/,
    /frozen-lockfile/,
  ],
  [
    'a lockfile of yarn 4 that does not fit',
    node('x', { name: 'b', dependencies: { ms: '2.0.0' } }, { 'yarn.lock': locked.YARN_4_LOCK }),
    /yarn install --immutable\) failed/,
    /lockfile would have been modified/,
  ],
  [
    'a requirement that there is not',
    { 'requirements.txt': 'waitress==0.0.0.1\n', 'app.py': locked.wsgi('') },
    /pip install -r requirements\.txt\) failed/,
    /No matching distribution/,
  ],
  [
    'a module without its sum',
    {
      'go.mod': locked.GO_MOD,
      'go.sum': locked.GO_SUM.replaceAll('NIvaJDM', 'AAAAAAA'),
      'main.go': locked.goServer(''),
    },
    /go mod download\) failed/,
    /checksum mismatch/,
  ],
];

for (const [at, [what, files, message, output]] of FAILING.entries()) {
  test(`tells of ${what}`, async () => {
    const tree = await program.tree(`failing${at}`, files);
    await inspect(tree, tree);
    const failed = last(await program.order({ do: 'install', ...asked }), 'failed') as {
      message: string;
      output: string[];
    };
    assert.match(failed.message, message);
    assert.match(failed.output.join('\n'), output);
  });
}

test('an app in Python without a server for it is told which to add', async () => {
  for (const [code, hint] of [
    ['from fastapi import FastAPI\napp = FastAPI()\n', /Add uvicorn/],
    ['from flask import Flask\napp = Flask(__name__)\n', /Add gunicorn/],
  ] as const) {
    const tree = await program.tree(`server${hint.source.length}${code.length}`, {
      'requirements.txt': '\n',
      'app.py': code,
    });
    await inspect(tree, tree);
    await program.order({ do: 'install', ...asked });
    const failed = last(await program.order({ do: 'build', ...asked }), 'failed') as { hint: string };
    assert.match(failed.hint, hint);
  }
});

test('Go code that does not compile is told with its place', async () => {
  const tree = await program.tree('broken', {
    'go.mod': 'module a\n\ngo 1.19\n',
    'main.go': 'package main\nfunc main() { x }\n',
  });
  assert.equal((await inspect(tree, tree)).install, undefined);
  const failed = last(await program.order({ do: 'build', ...asked }), 'failed') as { output: string[] };
  assert.match(failed.output.join('\n'), /main\.go:2:15: undefined: x/);
});
