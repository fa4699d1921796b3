import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tree } from './built-tree.ts';

const CODE = 'export default () => 1;';

const FOUND: [what: string, files: Record<string, string>, entry: string][] = [
  ['index.ts', { 'index.ts': CODE }, 'index.ts'],
  ['index.js before main', { 'index.js': CODE, 'other.js': CODE, 'package.json': '{"main":"other.js"}' }, 'index.js'],
  ['index.mjs', { 'index.mjs': CODE }, 'index.mjs'],
  ['index.cjs', { 'index.cjs': 'module.exports = () => 1' }, 'index.cjs'],
  ['main', { 'src/app.ts': CODE, 'package.json': '{"main":"./src/app.ts"}' }, 'src/app.ts'],
  ['main without its ending', { 'src/app.ts': CODE, 'package.json': '{"main":"src/app"}' }, 'src/app.ts'],
  ['main as a directory', { 'src/index.js': CODE, 'package.json': '{"main":"src"}' }, 'src/index.js'],
  ['exports as a string', { 'a.js': CODE, 'package.json': '{"exports":"./a.js","main":"b.js"}' }, 'a.js'],
  [
    'exports with conditions, in their order',
    {
      'a.js': CODE,
      'package.json': '{"exports":{".":{"types":"./t.d.ts","browser":"./b.js","import":{"node":"./a.js"}}}}',
    },
    'a.js',
  ],
];

for (const [what, files, entry] of FOUND) {
  test(`finds ${what}`, async () => {
    await using code = await tree(files);
    assert.equal((await code.build()).name, entry);
    assert.deepEqual(code.said[0], { say: `Detected: function (${entry})` });
  });
}

const REFUSED: [what: string, files: Record<string, string>, message: RegExp, hint?: RegExp][] = [
  ['an empty tree', {}, /The commit holds no files/],
  ['nothing to run', { 'readme.md': '' }, /Nothing was found that can be run: .*no Procfile, no index\.ts/],
  ['a Dockerfile alone', { Dockerfile: 'FROM scratch' }, /does not build from Dockerfiles yet/, /Procfile/],
  ['a package.json without main', { 'package.json': '{}' }, /no package\.json with a main, exports or a start script/],
  [
    'a main that is not there',
    { 'package.json': '{"main":"dist/x.js"}' },
    /main of package\.json names dist\/x\.js, which is not there/,
  ],
  [
    'a main outside of the repository',
    { 'package.json': '{"main":"../../../../../../../etc/hostname"}' },
    /outside the repository/,
  ],
  [
    'a package.json that is no JSON',
    { 'package.json': '{"main":', 'index.ts': CODE },
    /package\.json is not valid JSON/,
  ],
  ['a package.json that is a list', { 'package.json': '[]', 'index.ts': CODE }, /package\.json holds no JSON object/],
];

for (const [what, files, message, hint = /./] of REFUSED) {
  test(`refuses ${what}`, async () => {
    await using code = await tree(files);
    await assert.rejects(code.build(), (error: Error & { hint?: string }) => {
      assert.match(error.message, message);
      if (error.hint !== undefined) assert.match(error.hint, hint);
      return true;
    });
  });
}

test('refuses links out of the repository, absolute, relative or by way of another', async () => {
  for (const target of ['/etc/shadow', '../../secret', 'inner/../../x', '/etc']) {
    await using code = await tree({ 'index.ts': CODE });
    await code.link('bad', target);
    await assert.rejects(code.build(), /The link bad points outside the repository/);
  }
  await using code = await tree({ 'index.ts': CODE, 'a/b.txt': 'x' });
  await code.link('fine', 'a/b.txt');
  await code.link('dangling', 'a/c.txt');
  await code.build();
});
