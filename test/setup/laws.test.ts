import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readImports } from '../../platform/setup/laws/imports.ts';
import { violations } from '../../platform/setup/laws/violations.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What breaks the law in a repository that holds just these files. */
async function broken(files: Record<string, string>): Promise<string[]> {
  await using directory = await temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory.path, path)), { recursive: true });
    await writeFile(join(directory.path, path), text);
  }
  return violations(await readImports(directory.path));
}

test('this repository keeps the law', async () => {
  const imports = await readImports(ROOT);
  assert.ok(imports.some(({ from, to }) => from === 'platform/main.ts' && to === 'platform/serve.ts'));
  assert.deepEqual(violations(imports), []);
});

const FORBIDDEN: [what: string, from: string, text: string][] = [
  ['a room imports the front door', 'test/router/a.test.ts', "import '../../platform/main.ts';"],
  ['a room imports the wiring', 'platform/api/a.ts', "import { serve } from '../serve.ts';"],
  ['a room reads the configuration', 'router/a.ts', "import { readConfig } from '../platform/config.ts';"],
  ['the host knows the control plane', 'platform/host/a.ts', "import type { App } from '../control/contract.ts';"],
  ['the host knows SQL', 'platform/host/a.ts', "import { sql } from 'drizzle-orm/pg-core';"],
  ['the host knows HTTP routes', 'platform/host/vmm/a.ts', "import { Hono } from 'hono';"],
  ['control looks behind the Host contract', 'platform/control/a.ts', "export * from '../host/open.ts';"],
  ['the API looks behind the Host contract', 'platform/api/a.ts', "const { x } = await import('../host/open.ts');"],
  ['the router opens the database', 'router/a.ts', "import { openControl } from '../platform/control/open.ts';"],
  ['builders open the database', 'builders/a.ts', "import postgres from 'postgres';"],
  ['builders import the router', 'builders/function/a.ts', "import { Pool } from '../../router/pool.ts';"],
  ['the CLI passes the SDK by', 'platform/cli/a.ts', "import { ThawError } from '../errors.ts';"],
  ['the dashboard passes the SDK by', 'platform/dashboard/a.tsx', "import type { App } from '../control/contract.ts';"],
  ['the SDK imports code', 'platform/sdk/a.ts', "import { ThawError } from '../errors.ts';"],
  ['the SDK needs Node', 'platform/sdk/a.ts', "import { readFile } from 'node:fs/promises';"],
  ['metrics look behind the Host contract', 'platform/metrics/a.ts', "import { openHost } from '../host/open.ts';"],
  ['metrics know HTTP routes', 'platform/metrics/a.ts', "import { Hono } from 'hono';"],
  ['the API looks behind the contract of logs', 'platform/api/a.ts', "import { LogStore } from '../logs/store.ts';"],
  ['runtime images need a host', 'runtime-images/a.ts', "import { openHost } from '../platform/host/open.ts';"],
  ['an example imports the platform', 'examples/hello/a.ts', "import { Thaw } from '../../platform/sdk/index.ts';"],
  ['a new folder has no law', 'platform/attic/a.ts', "import '../errors.ts';"],
];

for (const [what, from, text] of FORBIDDEN) {
  test(`fails when ${what}`, async () => {
    const found = await broken({ [from]: text });
    assert.equal(found.length, 1, found.join('\n'));
    assert.ok(found.join().startsWith(`${from} imports `), found.join());
  });
}

test('lets the SDK import types', async () => {
  const text =
    "import type { Finding } from '../host/contract.ts';\nexport type { App } from '../control/contract.ts';";
  assert.deepEqual(await broken({ 'platform/sdk/a.ts': text }), []);
});

test('fails on a cycle, also on one of types alone, and tells it once', async () => {
  const found = await broken({
    'router/a.ts': "import { b } from './b.ts';",
    'router/b.ts': "import type { C } from './c.ts';",
    'router/c.ts': "export { a } from './a.ts';",
    'router/d.ts': "import { a } from './a.ts';",
  });
  assert.deepEqual(found, ['a cycle of imports: router/a.ts -> router/b.ts -> router/c.ts -> router/a.ts']);
});
