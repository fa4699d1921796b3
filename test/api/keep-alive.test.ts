import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newApi } from '../../platform/api/environment.ts';
import { ndjson } from '../../platform/api/ndjson.ts';
import { silentLog } from '../../platform/log.ts';

test('a stream that has nothing to say sends empty lines, so that nobody gives up on it', async () => {
  const second = Promise.withResolvers<void>();
  async function* produce(): AsyncGenerator<string> {
    yield 'first';
    await second.promise;
    yield 'second';
  }
  const api = newApi().get('/', (c) =>
    ndjson(c, { log: silentLog(), closing: undefined, produce, failed: () => 'failed', quietMs: 5 }),
  );
  const answer = await api.request('/');
  const chunks: string[] = [];
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    chunks.push(chunk);
    if (chunks.filter((one) => one === '\n').length === 3) second.resolve();
  }
  assert.deepEqual(chunks.join('').trim().split(/\n+/), ['"first"', '"second"']);
  assert.ok(chunks.filter((one) => one === '\n').length >= 3);
});
