import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { settingsJsonSchema } from '../../builders/settings/json-schema.ts';
import { checkSettings, readSettings } from '../../builders/settings/read.ts';
import { machineOf, runningOf } from '../../builders/settings/run.ts';

const WHOLE = `
runtime = "node"
build = "npm run build"
start = "node server.js"
release = """
npm run migrate
npm run seed"""
port = 3000
health = "/healthz?deep=1"
memory = "512MB"
cpus = 1.5
min_instances = 1
max_instances = 3
idle_timeout = "5m"
sleep = "freeze"
egress = ["api.example.com", "DB.example.com", "api.example.com"]

[concurrency]
soft_limit = 10
hard_limit = 20

[[crons]]
name = "report"
schedule = "0 6 * * mon-fri"
timezone = "Europe/Berlin"
path = "/cron/report?kind=daily"
method = "POST"
overlap = "allow"

[[crons]]
name = "tick"
schedule = "*/10 * * * * *"

[[mounts]]
volume = "uploads"
path = "/app/uploads"

[env]
LOG_LEVEL = "debug"
_empty = ""
`;

test('reads every setting', () => {
  assert.deepEqual(readSettings(WHOLE), {
    runtime: 'node',
    build: 'npm run build',
    start: 'node server.js',
    release: 'npm run migrate\nnpm run seed',
    port: 3000,
    health: '/healthz?deep=1',
    memory: 512,
    cpus: 1.5,
    min_instances: 1,
    max_instances: 3,
    idle_timeout: 300,
    sleep: 'freeze',
    egress: ['api.example.com', 'db.example.com', 'api.example.com'],
    concurrency: { soft_limit: 10, hard_limit: 20 },
    crons: [
      {
        name: 'report',
        schedule: '0 6 * * mon-fri',
        timezone: 'Europe/Berlin',
        path: '/cron/report?kind=daily',
        method: 'POST',
        overlap: 'allow',
      },
      { name: 'tick', schedule: '*/10 * * * * *', timezone: 'UTC', path: '/', method: 'GET', overlap: 'skip' },
    ],
    mounts: [{ volume: 'uploads', path: '/app/uploads' }],
    env: { LOG_LEVEL: 'debug', _empty: '' },
  });
});

test('an empty file, comments and a byte order mark say nothing', () => {
  for (const text of ['', '# nothing yet\n', '\uFEFF', '\r\n\r\n']) assert.deepEqual(readSettings(text), {});
  assert.deepEqual(readSettings('\uFEFFport = 3000\r\n'), { port: 3000 });
});

test('what was read is taken again as plain JSON and stays as it is', () => {
  const settings = readSettings(WHOLE);
  assert.deepEqual(checkSettings(JSON.parse(JSON.stringify(settings))), settings);
  assert.deepEqual(checkSettings({}), {});
});

const SIZES: [string, number][] = [
  ['"128MB"', 128],
  ['"512 MiB"', 512],
  ['"1GB"', 1024],
  ['"1gib"', 1024],
  ['"1.5GB"', 1536],
  ['"8GB"', 8192],
  ['256', 256],
];
test('memory is written with a unit or as a number of MiB', () => {
  for (const [written, mebibytes] of SIZES) assert.equal(readSettings(`memory = ${written}`).memory, mebibytes);
});

test('a time is written with a unit or as a number of seconds', () => {
  for (const [written, seconds] of [
    ['"1s"', 1],
    ['"90 s"', 90],
    ['"5m"', 300],
    ['"24h"', 86_400],
    ['45', 45],
  ])
    assert.equal(readSettings(`idle_timeout = ${written}`).idle_timeout, seconds);
});

test('croner decides what a schedule is', () => {
  for (const schedule of [
    '* * * * *',
    '*/5 * * * * *',
    '0 0 L * *',
    '0 9 * * MON#1',
    '0 12 1 * +MON',
    '@daily',
    '@Hourly',
  ])
    readSettings(`[[crons]]\nname = "a"\nschedule = "${schedule}"`);
});

test('settings become the scaling and the crons of the control plane', () => {
  const { scaling, crons } = runningOf(readSettings(WHOLE));
  assert.deepEqual(scaling, {
    minInstances: 1,
    maxInstances: 3,
    softLimit: 10,
    hardLimit: 20,
    idleMs: 300_000,
    sleep: 'freeze',
  });
  assert.deepEqual(crons[1], {
    name: 'tick',
    schedule: '*/10 * * * * *',
    timezone: 'UTC',
    path: '/',
    method: 'GET',
    overlap: 'skip',
  });
});

test('what was left out is left to the operator', () => {
  assert.deepEqual(runningOf({}), { scaling: {}, crons: [] });
  assert.deepEqual(machineOf({}), {});
});

test('settings of the VM: whole processors for a share of them, egress as the host knows it', () => {
  assert.deepEqual(machineOf(readSettings(WHOLE)), {
    port: 3000,
    health: '/healthz?deep=1',
    egress: { mode: 'hosts', hosts: ['api.example.com', 'db.example.com'] },
    cpus: 1.5,
    vcpus: 2,
    memoryMiB: 512,
  });
  assert.deepEqual(machineOf({ egress: 'open', cpus: 0.5 }), { egress: { mode: 'public' }, cpus: 0.5, vcpus: 1 });
  assert.deepEqual(machineOf({ egress: 'none' }), { egress: { mode: 'none' } });
});

test("a hard limit below the operator's soft limit is the soft limit too", () => {
  assert.deepEqual(runningOf({ concurrency: { hard_limit: 1 } }).scaling, { softLimit: 1, hardLimit: 1 });
});

test('the JSON schema is what an author writes, with a description for each key', () => {
  const schema = settingsJsonSchema();
  const keys =
    'runtime build start release port health memory cpus min_instances max_instances concurrency idle_timeout';
  assert.deepEqual(Object.keys(schema.properties ?? {}), [
    ...keys.split(' '),
    ...['sleep', 'egress', 'crons', 'mounts', 'env'],
  ]);
  for (const [key, { description }] of Object.entries(schema.properties ?? {})) {
    assert.equal(typeof description, 'string', key);
  }
  assert.equal(schema.additionalProperties, false);
  assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
  // Sizes go in as text, and what has a default may be left out.
  assert.match(JSON.stringify(schema.properties?.memory), /"type":"string"/);
  assert.deepEqual(schema.properties?.crons?.items?.required, ['name', 'schedule']);
});

test('it bundles for a guest, without files, processes or networks', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../../builders/settings/read.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    metafile: true,
    logLevel: 'silent',
  });
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  assert.deepEqual(outside, ['node:util']);
  assert.doesNotMatch(outputFiles[0]?.text ?? 'process.', /\bprocess\.(env|argv|exit|cwd)/);
});
