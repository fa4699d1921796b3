import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { LogLine } from 'thaw/sdk';
import { startServer, type TestServer } from '../sdk/server.ts';
import { ended, start, thaw } from './command.ts';

const line = (text: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  time: '2026-01-02T03:04:05.678Z',
  instance: 'iabc',
  deployment: 'd1',
  stream,
  level: stream === 'stderr' ? 'error' : 'info',
  line: text,
});

describe('logs', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer();
    env = { THAW_URL: server.url, THAW_API_KEY: server.adminKey, TZ: 'UTC' };
    await server.control.apps.create('hello', 'default');
  });
  beforeEach(() => server.past.splice(0));
  after(() => server[Symbol.asyncDispose]());

  test('prints the newest lines of the past, with time and instance', async () => {
    server.past.push(line('one'), line('two'), line('three', 'stderr'));
    const { code, stdout } = await thaw(['logs', '-n', '2', 'hello'], { env });
    assert.equal(code, 0);
    assert.equal(stdout, '03:04:05.678 iabc  two\n03:04:05.678 iabc  three\n');
  });

  test('prints requests as lines, also one that no instance answered', async () => {
    const request = { method: 'GET', path: '/a', status: 503, ms: 12.3, bytes: 90, code: 'no_room' };
    const head = { ...line('GET /a 503 12 ms no_room', 'request'), instance: null, requestId: 'r1', request };
    server.past.push(head);
    const { stdout } = await thaw(['logs', 'hello'], { env });
    assert.equal(stdout, '03:04:05.678 -  GET /a 503 12 ms no_room\n');
  });

  test('passes on what is asked for, with moments as people write them', async () => {
    const filters = ['--level', 'warn', '--grep', 'oh no', '--stream', 'stderr', '--request', 'r1', '--instance', 'i1'];
    const since = ['--since', '90m', '--until', '2026-01-02T03:04:05Z', '--deployment', 'd0123456789a'];
    const { code, stderr } = await thaw(['logs', 'hello', ...filters, ...since], { env });
    assert.equal(code, 0, stderr);
    const { query, limit } = server.asked.at(-1) ?? assert.fail();
    const ago = Date.now() - Date.parse(query.since ?? '');
    assert.ok(ago >= 5_400_000 && ago < 5_430_000, `${ago} ms`);
    assert.deepEqual(
      { ...query, since: undefined, limit },
      {
        since: undefined,
        until: '2026-01-02T03:04:05.000Z',
        level: 'warn',
        text: 'oh no',
        stream: 'stderr',
        requestId: 'r1',
        instance: 'i1',
        deployment: 'd0123456789a',
        limit: 10_000,
      },
    );
  });

  test('a filter that makes no sense is exit 2', async () => {
    for (const wrong of [
      ['--since', 'soon'],
      ['--since', '3w'],
      ['--level', 'loud'],
      ['-f', '--until', '1h'],
      ['-n', 'x'],
    ]) {
      const { code, stderr } = await thaw(['logs', 'hello', ...wrong], { env });
      assert.equal(code, 2, `${wrong}`);
      assert.match(stderr, /^Error: /);
    }
  });

  test('--json prints one document a line', async () => {
    server.past.push(line('one'), line('two'));
    const { stdout } = await thaw(['logs', 'hello', '--json'], { env });
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text)),
      server.past,
    );
  });

  test('-f prints what is written from now on, until Ctrl-C, which is its proper end', async () => {
    const followed = once(server.log, 'followed');
    const child = start(['logs', '-f', 'hello'], { env });
    await followed;
    const unfollowed = once(server.log, 'unfollowed');
    const first = once(createInterface(child.stdout), 'line');
    server.log.emit('line', line('fresh'));
    assert.deepEqual(await first, ['03:04:05.678 iabc  fresh']);
    const over = ended(child);
    child.kill('SIGINT');
    const { code, signal, stderr } = await over;
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    await unfollowed;
  });

  test('a reader that goes, as head does, ends it in silence', async () => {
    const followed = once(server.log, 'followed');
    const child = start(['logs', '-f', 'hello'], { env });
    await followed;
    const unfollowed = once(server.log, 'unfollowed');
    child.stdout.destroy();
    const closed = once(child, 'close');
    let complaint = '';
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    server.log.emit('line', line('nobody reads this'));
    const [code] = await closed;
    assert.equal(code, 0);
    assert.equal(complaint, '');
    await unfollowed;
  });

  test('an app that there is none of is exit 1', async () => {
    const { code, stderr } = await thaw(['logs', 'nothing'], { env });
    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*nothing/);
  });
});
