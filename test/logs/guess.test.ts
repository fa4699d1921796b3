import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeLine } from '../../platform/logs/guess.ts';

const LINES: [stream: 'stdout' | 'stderr', text: string, level: string, why: string][] = [
  ['stdout', 'listening', 'info', 'plain output'],
  ['stderr', 'something', 'error', 'plain output on standard error'],
  ['stdout', '{"level":"warn","msg":"x"}', 'warn', 'winston'],
  ['stdout', '{"level":30,"msg":"x"}', 'info', 'pino'],
  ['stdout', '{"level":40}', 'warn', 'pino'],
  ['stdout', '{"level":60}', 'error', 'pino'],
  ['stderr', '{"level":"INFO","msg":"x"}', 'info', 'a logger that writes to standard error'],
  ['stdout', '{"severity":"CRITICAL","message":"x"}', 'error', 'Google Cloud'],
  ['stdout', '{"level":{"a":1}}', 'info', 'a level that is none'],
  ['stdout', '{"level":"constructor"}', 'info', 'a level that is none'],
  ['stdout', '{"level":"error"', 'info', 'JSON that is none'],
  ['stderr', 'INFO:     Started server process [1]', 'info', 'uvicorn'],
  ['stderr', '[2026-01-02 03:04:05 +0000] [12] [INFO] Booting worker', 'info', 'gunicorn'],
  ['stderr', 'WARNING:root:careful', 'warn', 'Python'],
  ['stderr', '2026-01-02 03:04:05,678 ERROR boom', 'error', 'Python'],
  ['stderr', '2026/01/02 03:04:05 INFO ready', 'info', 'Go'],
  ['stdout', 'ERROR: relation does not exist', 'error', 'Postgres'],
  ['stdout', 'INFORMAL greetings', 'info', 'another word'],
  ['stdout', 'no ERROR here', 'info', 'a word further in'],
];

for (const [stream, text, level, why] of LINES) {
  test(`${stream} ${text} is ${level}: ${why}`, () => assert.deepEqual(describeLine(stream, text), { level }));
}

test('a line that names its request belongs to it', () => {
  assert.deepEqual(describeLine('stdout', '{"requestId":"r1"}'), { level: 'info', requestId: 'r1' });
  assert.deepEqual(describeLine('stdout', '{"request_id":"r2","level":"error"}'), { level: 'error', requestId: 'r2' });
  assert.deepEqual(describeLine('stdout', '{"reqId":7}'), { level: 'info' });
  assert.deepEqual(describeLine('stdout', `{"requestId":"${'x'.repeat(129)}"}`), { level: 'info' });
});

test('a long line is looked at in no time', () => {
  const began = performance.now();
  for (const text of [`2026${' '.repeat(1_000_000)}`, `${'1'.repeat(1_000_000)} INFO`, '['.repeat(1_000_000)])
    describeLine('stdout', text);
  assert.ok(performance.now() - began < 200);
});
