import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { tree } from './built-tree.ts';

/** Runs a built tree's default function in a Node of its own. */
async function outcome(path: string, entry: string): Promise<unknown> {
  const script = `import(${JSON.stringify(join(path, entry))}).then(async (m) => console.log(JSON.stringify(await m.default())))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
  return JSON.parse(stdout);
}

test('TypeScript, JSON, text, CommonJS and top-level await become one module', async () => {
  await using code = await tree({
    'index.ts': `import { createRequire } from 'node:module';
      import data from './data.json';
      import page from './page.html';
      import legacy from './lib/legacy.cjs';
      const require = createRequire(import.meta.url);
      const __dirname = 'mine';
      enum Kind { A = 1 }
      const later: number = await Promise.resolve(2);
      export default () => [data.a, page, legacy.join('a', 'b'), require('node:os').EOL, __dirname, Kind.A, later];`,
    'data.json': '{"a":"json"}',
    'page.html': '<p>',
    'lib/legacy.cjs':
      "const path = require('path'); exports.join = (...parts) => require('pa' + 'th').join(...parts, path.sep);",
  });
  const { entry } = await code.build();
  assert.equal(entry, 'index.bundle.mjs');
  assert.deepEqual(await outcome(code.path, entry), ['json', '<p>', 'a/b/', '\n', 'mine', 1, 2]);
});

test('files beside the code are found by their URL, also from modules in other directories', async () => {
  await using code = await tree({
    'package.json': '{"main":"src/main.ts"}',
    'src/main.ts': `import { readFileSync } from 'node:fs';
      import { sub } from './deep/sub.ts';
      import { old } from '../other/old.cjs';
      export default () => [readFileSync(new URL('./a.txt', import.meta.url), 'utf8'), sub(), old()];`,
    'src/a.txt': 'A',
    'src/deep/sub.ts':
      "import { readFileSync } from 'node:fs'; export const sub = (): string => readFileSync(import.meta.dirname + '/b.txt', 'utf8');",
    'src/deep/b.txt': 'B',
    'other/old.cjs': "exports.old = () => require('fs').readFileSync(__dirname + '/c.txt', 'utf8')",
    'other/c.txt': 'C',
  });
  const { entry } = await code.build();
  assert.equal(entry, 'src/main.bundle.mjs');
  assert.deepEqual(await outcome(code.path, entry), ['A', 'B', 'C']);
});

test('packages are bundled; those with native addons or asked for stay whole, with what they need', async () => {
  const locked = {
    packages: {
      'node_modules/plain': {},
      'node_modules/native': { hasInstallScript: true, dependencies: { needed: '1' } },
      'node_modules/needed': {},
      'node_modules/asked': {},
    },
  };
  await using code = await tree({
    'index.js':
      "import plain from 'plain'; import native from 'native'; import asked from 'asked'; export default () => [plain, native, asked];",
    'package.json': '{"thaw":{"external":["asked"]}}',
    'node_modules/.package-lock.json': JSON.stringify(locked),
    'node_modules/plain/index.js': "module.exports = 'plain'",
    'node_modules/native/index.js': "module.exports = 'native ' + require('needed')",
    'node_modules/native/build/x.node': '',
    'node_modules/needed/index.js': "module.exports = 'needed'",
    'node_modules/asked/index.js': "module.exports = 'asked'",
  });
  const { entry } = await code.build();
  assert.deepEqual((await readdir(join(code.path, 'node_modules'))).sort(), ['asked', 'native', 'needed']);
  assert.deepEqual(await outcome(code.path, entry), ['plain', 'native needed', 'asked']);
});

const REFUSED: [what: string, files: Record<string, string>, message: RegExp, output: RegExp][] = [
  [
    'a syntax error',
    { 'index.ts': 'export default () => {\n  const = 1;\n};\n' },
    /cannot be bundled/,
    /index\.ts:2:8[\s\S]*const = 1/,
  ],
  [
    'a missing module',
    { 'index.ts': "import 'nothing-there/x';" },
    /imports what is not there: nothing-there\/x/,
    /index\.ts:1:7/,
  ],
  ['a missing file', { 'index.ts': "import './gone.ts';" }, /imports what is not there: \.\/gone\.ts/, /index\.ts:1/],
  [
    'an import of a file outside',
    { 'index.ts': "import data from '../outside.json'; export default () => data;" },
    /outside the repository/,
    /^$/,
  ],
  [
    'an absolute import',
    { 'index.ts': "import data from '/etc/hostname'; export default () => data;" },
    /outside the repository|cannot be bundled/,
    /^$|hostname/,
  ],
  [
    'an import that climbs from a package',
    { 'index.js': "import 'a';", 'node_modules/a/index.js': "import '../../../outside.json'" },
    /outside the repository/,
    /^$/,
  ],
];

for (const [what, files, message, output] of REFUSED) {
  test(`refuses ${what}`, async () => {
    await using code = await tree(files);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(code.path, '..', 'outside.json'), '{"secret":1}');
    await assert.rejects(code.build(), (error: Error & { output: string[] }) => {
      assert.match(error.message, message);
      assert.match(error.output.join('\n'), output);
      assert.doesNotMatch(error.message + error.output.join(), /secret/);
      return true;
    });
  });
}
