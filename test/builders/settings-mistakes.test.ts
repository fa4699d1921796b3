import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSettings, readSettings } from '../../builders/settings/read.ts';
import { ThawError } from '../../platform/errors.ts';

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ThawError, String(error));
    assert.equal(error.code, 'build_failed');
    assert.match(error.hint ?? '', /thaw-toml\.md/);
    return error.message;
  }
  assert.fail('it was taken');
}

const said = (text: string) => refusal(() => readSettings(text));

const cron = (line: string) => `[[crons]]\nname = "a"\nschedule = "@daily"\n${line}`;
const schedule = (text: string) => `[[crons]]\nname = "a"\nschedule = "${text}"`;
const mount = (path: string) => `[[mounts]]\nvolume = "a"\npath = "${path}"`;

/** A wrong value, where it stands, and what its message must say. */
const WRONG: [text: string, line: number, ...parts: RegExp[]][] = [
  ['runtime = "nodejs"', 1, /runtime is "nodejs"\. Allowed: "node", "python", "go", "static"$/],
  ['runtime = 3', 1, /runtime is 3\. Allowed: "node"/],
  ['build = ""', 1, /build is ""\. Allowed: a command/],
  ['start = ["node", "a.js"]', 1, /start is a list\. Allowed: a command as text/],
  ['release = "  "', 1, /release is " {2}"/],
  ['port = 0', 1, /port is 0\. Allowed: a whole number from 1024 to 65535/],
  ['port = "3000"', 1, /port is "3000"/],
  ['port = 3000.5', 1, /port is 3000\.5/],
  ['port = nan', 1, /port is NaN/],
  ['port = 2026-01-01', 1, /port is a date/],
  ['health = "healthz"', 1, /health is "healthz"\. Allowed: a path that begins with one "\/"/],
  ['health = "//other.example"', 1, /health is "\/\/other/],
  ['health = "/a b"', 1, /health is "\/a b"/],
  ['memory = "lots"', 1, /memory is "lots"\. Allowed: a size such as "512MB".*from 128MB to 8GB/],
  ['memory = "64MB"', 1, /memory is "64MB"/],
  ['memory = "9GB"', 1, /memory is "9GB"/],
  ['memory = "512KB"', 1, /memory is "512KB"/],
  ['memory = 127', 1, /memory is 127\b/],
  ['memory = "1.0001GB"', 1, /memory is "1\.0001GB"/],
  ['cpus = 0', 1, /cpus is 0\. Allowed: a number from 0\.1 to 16/],
  ['cpus = inf', 1, /cpus is Infinity/],
  ['min_instances = -1', 1, /min_instances is -1/],
  ['min_instances = 3\nmax_instances = 2', 1, /min_instances is 3\. Allowed: at most max_instances, which is 2/],
  ['concurrency = 5', 1, /concurrency is 5\. Allowed: a table, \[concurrency\]/],
  ['[concurrency]\nsoft_limit = 0', 2, /concurrency\.soft_limit is 0/],
  ['[concurrency]\nhard_limit = 1\nsoft_limit = 2', 3, /concurrency\.soft_limit is 2\. Allowed: at most hard_limit/],
  ['concurrency = { soft_limit = 0 }', 1, /concurrency\.soft_limit is 0/],
  ['concurrency.hard_limit = "many"', 1, /concurrency\.hard_limit is "many"/],
  ['idle_timeout = "soon"', 1, /idle_timeout is "soon"\. Allowed: a time such as "30s".*from 1s to 24h/],
  ['idle_timeout = "25h"', 1, /idle_timeout is "25h"/],
  ['idle_timeout = 0', 1, /idle_timeout is 0/],
  ['sleep = true', 1, /sleep is true\. Allowed: "off", "stop", "freeze"/],
  ['egress = "all"', 1, /egress is "all"\. Allowed: "open", "none", or a list/],
  ['egress = []', 1, /egress is an empty list/],
  ['egress = [\n  "ok.example",\n  "*.example.com",\n]', 3, /egress\[1\] is "\*\.example\.com"\. Allowed: a host name/],
  ['egress = ["https://a.example"]', 1, /egress\[0\] is "https:/],
  ['egress = ["10.0.0.1"]', 1, /egress\[0\] is "10\.0\.0\.1"/],
  ['egress = ["a.example", 7]', 1, /egress\[1\] is 7/],
  ['[crons]\nname = "a"', 1, /crons is a table\. Allowed: tables, each begun with \[\[crons\]\]/],
  ['crons = ["@daily"]', 1, /crons\[0\] is "@daily"\. Allowed: a table begun with/],
  ['[[crons]]\nschedule = "@daily"', 1, /crons\[0\]\.name is missing\. Allowed: a name/],
  [`${cron('')}\n\n[[crons]]\nname = "b"`, 6, /crons\[1\]\.schedule is missing\. Allowed: five fields/],
  [`${cron('')}\n${cron('')}`, 6, /crons\[1\]\.name is "a"\. Allowed: a name of its own/],
  ['[[crons]]\nname = "A b"\nschedule = "@daily"', 2, /crons\[0\]\.name is "A b"/],
  [schedule('61 * * * *'), 3, /crons\[0\]\.schedule is "61 \* \* \* \*": .*minute: 61\. Allowed: five fields/],
  [schedule('* * * *'), 3, /it has 4 fields/],
  [schedule('0 0 0 1 1 * 2030'), 3, /it has 7 fields/],
  [schedule(''), 3, /it has 0 fields/],
  [schedule('2026-01-01T00:00:00'), 3, /it has 1 field\./],
  [schedule('0 0 31 2 *'), 3, /no such moment ever comes/],
  [schedule('@reboot'), 3, /there is no such nickname/],
  [schedule('a b c d e'), 3, /illegal characters/],
  [cron('timezone = "Mars/Phobos"'), 4, /crons\[0\]\.timezone is "Mars\/Phobos": there is none of that name/],
  [cron('timezone = "Europe/Berln"'), 4, /did you mean Europe\/Berlin\? Allowed: an IANA time zone/],
  [cron('timezone = "+02:00"'), 4, /crons\[0\]\.timezone is "\+02:00"/],
  [cron('path = "tick"'), 4, /crons\[0\]\.path is "tick"/],
  [cron('path = "/a#b"'), 4, /crons\[0\]\.path is "\/a#b"/],
  [cron('method = "PUT"'), 4, /crons\[0\]\.method is "PUT"\. Allowed: "GET", "POST"/],
  [cron('overlap = "queue"'), 4, /crons\[0\]\.overlap is "queue"\. Allowed: "skip", "allow"/],
  [mount('data'), 3, /mounts\[0\]\.path is "data"\. Allowed: an absolute path/],
  [mount('/etc/x'), 3, /mounts\[0\]\.path is "\/etc\/x"\. Allowed: a directory that is not the system's own/],
  [mount('/data/../etc'), 3, /mounts\[0\]\.path is/],
  [mount('/app'), 3, /mounts\[0\]\.path is "\/app"/],
  [`${mount('/data')}\n${mount('/data')}`, 6, /mounts\[1\]\.path is "\/data"\. Allowed: a path of its own/],
  ['[env]\n1A = "x"', 2, /env\.1A is no name that can be set\. Allowed: names of letters/],
  ['[env]\n"a b" = "x"', 2, /env\."a b" is no name/],
  ['[env]\nPORT = "1"', 2, /env\.PORT is no name that can be set/],
  ['[env]\nTHAW_X = "1"', 2, /env\.THAW_X is no name that can be set/],
  ['[env]\nDEBUG = 1', 2, /env\.DEBUG is a number\. Allowed: text in quotes/],
  ['env = "x"', 1, /env is .*\. Allowed: a table, \[env\]/],
];

for (const [text, line, ...parts] of WRONG) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    const message = said(text);
    assert.ok(message.startsWith(`thaw.toml, line ${line}: `), message);
    for (const part of parts) assert.match(message, part);
  });
}

const UNKNOWN: [text: string, line: number, part: RegExp][] = [
  ['\nmemroy = 1', 2, /memroy is no setting\. Did you mean memory\? Allowed: runtime, build,/],
  ['minInstances = 1', 1, /Did you mean min_instances\?/],
  ['idle-timeout = 1', 1, /Did you mean idle_timeout\?/],
  ['soft_limit = 1', 1, /soft_limit belongs into concurrency\./],
  ['[concurrency]\nmemory = 1', 2, /concurrency\.memory is no setting\. memory belongs at the top of the file/],
  ['[build]\ncommand = "x"', 1, /build is a table/],
  ['zzzzzz = 1', 1, /zzzzzz is no setting\. Allowed:/],
  [cron('zone = "UTC"'), 4, /crons\[0\]\.zone is no setting\. .*Allowed: name, schedule, timezone, path/],
];

for (const [text, line, part] of UNKNOWN) {
  test(`knows no setting of ${JSON.stringify(text)}`, () => {
    const message = said(text);
    assert.ok(message.startsWith(`thaw.toml, line ${line}: `), message);
    assert.match(message, part);
  });
}

const NO_TOML: [text: string, place: RegExp][] = [
  ['port = ', /line 1, column 8: this is not TOML: /],
  ['port = 1\nport = 2', /line 2, column 1: this is not TOML: .*redefine/],
  ['port = 3000\nbuild = "npm', /line 2, column/],
  ['port = 99999999999999999999', /line 1, .*integer/],
  ['[env]\n__proto__ = "x"', /line 2, .*unsafe/],
  [`egress = ${'['.repeat(100)}${']'.repeat(100)}`, /line 1, /],
  ['{"port": 3000}', /line 1, /],
];

for (const [text, place] of NO_TOML) {
  test(`says where ${JSON.stringify(text.slice(0, 40))} is not TOML`, () => assert.match(said(text), place));
}

test('several mistakes are told at once, in the order of the file', () => {
  const lines = said(
    '[env]\nA = 1\n[[crons]]\nname = "a"\nschedule = "x"\ncolour = 1\n[concurrency]\nsoft_limit = 0',
  ).split('\n');
  assert.equal(lines[0], 'thaw.toml has 4 mistakes:');
  assert.deepEqual(
    lines.slice(1).map((line) => /^ {2}line (\d+): (\S+)/.exec(line)?.slice(1).join(' ')),
    ['2 env.A', '5 crons[0].schedule', '6 crons[0].colour', '8 concurrency.soft_limit'],
  );
});

test('of very many mistakes the first are told', () => {
  const lines = said(Array.from({ length: 50 }, (_, at) => `x${at} = 1`).join('\n')).split('\n');
  assert.equal(lines.length, 22);
  assert.equal(lines.at(-1), '  and 30 more');
});

test('lines are found behind texts, comments, lists and tables of every form', () => {
  const text = [
    '# [concurrency] port = 1', // 1
    'build = """', // 2
    'port = 1 # "" \\"""', // 3
    '[[crons]]"""', // 4
    "start = '''it's", // 5
    "''''", // 6
    'egress = [ # one', // 7
    '  "a.example", # ]', // 8
    '', // 9
    "  'B!', ]", // 10
    '"por\\u0074" = 1', // 11
    '[ concurrency ]', // 12
    'soft_limit = 0', // 13
    '[[ crons ]]', // 14
    'name = "a"', // 15
    'schedule = "@daily"', // 16
    '[[crons]]', // 17
    'name = "b"', // 18
    'schedule = "no"', // 19
  ].join('\r\n');
  const found = said(text)
    .split('\n')
    .slice(1)
    .map((line) => /line (\d+): (\S+)/.exec(line)?.slice(1).join(' '));
  assert.deepEqual(found, ['10 egress[1]', '11 port', '13 concurrency.soft_limit', '19 crons[1].schedule']);
});

test('a value that may be a secret is not repeated', () => {
  assert.doesNotMatch(said('[env]\nKEY = 4242424242'), /4242/);
  assert.doesNotMatch(said('[env]\nKEY = "hunter2\\u0000"'), /hunter2/);
});

test('what is shown is short and cannot steer a terminal', () => {
  const message = said(`runtime = "${'x'.repeat(500)}"`);
  assert.ok(message.length < 200, message);
  const steering = said('"\\u001b[31m\\u202e" = 1');
  for (const character of ['\u001b', '\u202e']) assert.ok(!steering.includes(character));
});

test('long texts do not make it slow', () => {
  const began = performance.now();
  assert.match(said(`build = """${'a\\n\n'.repeat(50_000)}"""\nport = 1`), /build is/);
  assert.match(said(`x = "${'a'.repeat(300_000)}"`), /longer than 256 KiB/);
  assert.ok(performance.now() - began < 5000);
});

test('settings from a build are checked like those of a file', () => {
  for (const plain of [null, 3, [], 'x']) {
    const message = refusal(() => checkSettings(plain));
    assert.match(message, /^thaw\.toml, it is .*\. Allowed: a table of settings$/);
  }
  assert.match(
    refusal(() => checkSettings({ port: 1 })),
    /^thaw\.toml, port is 1\. Allowed/,
  );
  assert.match(
    refusal(() => checkSettings({ crons: [{ name: 'a', schedule: '* *' }] })),
    /crons\[0\]\.schedule is/,
  );
  assert.match(
    refusal(() => checkSettings(JSON.parse('{"__proto__": 1}'))),
    /__proto__ is no setting/,
  );
});
