import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ThawError } from '../../platform/errors.ts';
import { run } from '../../runtime-images/run.ts';
import { NEVER, scratch } from './scratch.ts';

test('a program that is missing or fails is named, with what it said', async () => {
  await assert.rejects(run('thaw-no-such-program', [], { signal: NEVER }), (error) => {
    assert.ok(error instanceof ThawError);
    assert.deepEqual([error.code, error.message], ['misconfigured', 'thaw-no-such-program is not installed.']);
    return true;
  });
  await assert.rejects(run('sh', ['-c', 'echo the disk is full >&2; exit 3'], { signal: NEVER }), (error) => {
    assert.ok(error instanceof ThawError);
    assert.equal(error.message, 'sh failed (3): the disk is full');
    return true;
  });
});

test('stopping a program stops what it has started, and is waited for', async () => {
  await using dir = await scratch();
  const said = join(dir.path, 'said');
  // Like mmdebstrap: the outer process is deaf, the inner one cleans up.
  const inner = `trap 'echo cleaned up > ${said}; exit 1' TERM; echo started > ${said}; while :; do sleep 0.01; done`;
  const stop = new AbortController();
  const script = `trap : TERM; sh -c "$0" & wait $!; wait $!`;
  const running = run('sh', ['-c', script, inner], { signal: stop.signal });
  const rejected = assert.rejects(running, { name: 'AbortError' });
  while ((await readFile(said, 'utf8').catch(() => '')) !== 'started\n') await new Promise(setImmediate);
  stop.abort();
  await rejected;
  assert.equal(await readFile(said, 'utf8'), 'cleaned up\n');
});
