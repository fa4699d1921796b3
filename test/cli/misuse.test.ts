import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thaw } from './command.ts';

/** A port that is reserved and never listened on. */
const NOBODY = 'http://127.0.0.1:1';

const MISUSES: [string, string[], RegExp][] = [
  ['no command', [], /Usage: thaw/],
  ['an unknown command', ['freeze'], /^Error: unknown command 'freeze'/],
  ['an unknown option', ['apps', '--colour'], /^Error: unknown option '--colour'/],
  ['a missing argument', ['logs'], /^Error: missing required argument 'app'/],
  ['an argument too many', ['ps', 'hello'], /^Error: too many arguments/],
  ['an unknown subcommand', ['apps', 'nonsense'], /^Error: /],
  ['a tail that is no number', ['logs', 'hello', '--tail', '-3'], /^Error: .*whole number/],
  ['a scope that there is none of', ['keys', 'create', 'ci', '--scopes', 'root'], /^Error: .*Allowed choices/],
  ['a directory that there is none of', ['deploy', '/nowhere'], /^Error: \/nowhere is no directory/],
];

for (const [what, args, says] of MISUSES) {
  test(`${what} is misuse: exit 2, the reason on standard error`, async () => {
    const { code, stdout, stderr } = await thaw(args, { env: { THAW_URL: NOBODY } });
    assert.equal(code, 2);
    assert.match(stderr, says);
    assert.equal(stdout, '');
  });
}

test('an address that is no URL is misuse', async () => {
  const { code, stderr } = await thaw(['apps'], { env: { THAW_URL: 'localhost:7070' } });
  assert.equal(code, 2);
  assert.match(stderr, /"localhost:7070" is no address of a server/);
  assert.match(stderr, /http:\/\/127\.0\.0\.1:7070/);
});

test('help and version are no misuse', async () => {
  const [help, version, nested] = await Promise.all([
    thaw(['--help']),
    thaw(['--version']),
    thaw(['keys', 'create', '--help']),
  ]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /THAW_API_KEY/);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(nested.code, 0);
  assert.match(nested.stdout, /--json/);
});

test('a server that is not running: exit 1, how to start it, and no stack', async () => {
  const { code, stdout, stderr } = await thaw(['apps'], { env: { THAW_URL: NOBODY } });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^Error: Cannot reach http:\/\/127\.0\.0\.1:1: .*\n.*npm start/);
  assert.doesNotMatch(stderr, /^\s+at /m);
});

test('with --json a failure is JSON on standard output too', async () => {
  const { code, stdout, stderr } = await thaw(['ps', '--json'], { env: { THAW_URL: NOBODY } });
  assert.equal(code, 1);
  const { error } = JSON.parse(stdout);
  assert.equal(error.code, 'unreachable');
  assert.match(error.hint, /npm start/);
  assert.match(stderr, /^Error: /);
});

test('THAW_DEBUG=1 shows the cause', async () => {
  const { stderr } = await thaw(['apps'], { env: { THAW_URL: NOBODY, THAW_DEBUG: '1' } });
  assert.match(stderr, /caused by/);
  assert.match(stderr, /fetch failed/);
});
