import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Sandbox } from '../../platform/sdk/index.ts';
import { sandboxStand } from './sandbox-stand.ts';

describe('code in kept kernels', () => {
  const stand = sandboxStand({ keep: true });
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await stand.create({ template: 'code-interpreter', ttlSeconds: 900, environment: { A: 'set' } });
  });

  test('variables stay; text, tables, images, output and errors come', async () => {
    const seen: string[] = [];
    const done = await sandbox.runCode('import sys; x = 6\nprint("out")\nprint("bad", file=sys.stderr)\nx * 7', {
      onStdout: (text) => seen.push(`out ${text}`),
      onStderr: (text) => seen.push(`err ${text}`),
      onResult: ({ text }) => seen.push(`result ${text}`),
    });
    assert.deepEqual([done.text, done.logs, done.error], ['42', { stdout: 'out\n', stderr: 'bad\n' }, undefined]);
    assert.deepEqual(seen.sort(), ['err bad\n', 'out out\n', 'result 42']);
    assert.equal(done.truncated, false);
    const table = await sandbox.runCode('import pandas; pandas.DataFrame({"a": [x]})');
    assert.equal(table.executionCount, (done.executionCount ?? 0) + 1);
    assert.match(table.results[0]?.html ?? '', /<table[\s\S]*<td>6<\/td>/);
    const figure = await sandbox.runCode('import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()');
    const png = figure.results.find((one) => one.png !== undefined)?.png ?? '';
    assert.deepEqual(Buffer.from(png, 'base64').subarray(1, 4), Buffer.from('PNG'));
    assert.equal(figure.results.find((one) => one.png !== undefined)?.main, false);
    const raised = await sandbox.runCode('print(1)\n1 / 0');
    assert.deepEqual([raised.error?.name, raised.error?.value], ['ZeroDivisionError', 'division by zero']);
    assert.match(raised.error?.traceback ?? '', /1 \/ 0/);
    assert.equal(raised.logs.stdout, '1\n');
    assert.equal((await sandbox.runCode('x = 1')).text, undefined);
  });

  test('kernels have the environment of the sandbox, and that of a call', async () => {
    const environ = 'import os; [os.environ.get(name) for name in ("A", "B")]';
    assert.equal((await sandbox.runCode(environ)).text, "['set', None]");
    assert.equal((await sandbox.runCode(environ, { env: { B: 'too' } })).text, "['set', 'too']");
    assert.equal((await sandbox.runCode(environ)).text, "['set', None]");
    await sandbox.pause();
    assert.equal((await sandbox.runCode(environ)).text, "['set', None]");
    await sandbox.snapshot('with-kernels');
    const other = await stand.create({ template: 'with-kernels', environment: { B: 'other' } });
    assert.equal((await other.runCode(environ)).text, "[None, 'other']");
    assert.equal((await other.runCode('x')).text, '1');
    await other.kill();
    const plain = await stand.create({ template: 'with-kernels' });
    assert.equal((await plain.runCode(environ)).text, '[None, None]');
    await plain.kill();
  });

  test('code that takes too long, or that nobody waits for, is interrupted; the kernel stays', async () => {
    const long = await sandbox.runCode('import time; time.sleep(100)', { timeoutSeconds: 1 });
    assert.deepEqual([long.error?.name, /longer than 1 s/.test(long.error?.value ?? '')], ['KeyboardInterrupt', true]);
    const left = new AbortController();
    const waiting = sandbox.runCode('print("begun")\ntime.sleep(100)', {
      signal: left.signal,
      onStdout: () => left.abort(new Error('left')),
    });
    await assert.rejects(waiting, { message: 'left' });
    assert.equal((await sandbox.runCode('x')).text, '1');
  });

  test('a large result comes whole', async () => {
    const { text } = await sandbox.runCode('"y" * 6_000_000');
    assert.equal(text?.length, 6_000_000);
    const code = `len("${'z'.repeat(300_000)}")`;
    assert.equal((await sandbox.runCode(code)).text, '300000');
  });

  test('what cannot be is refused', async () => {
    const language = await stand.refusal(sandbox.runCode('1', { language: 'cobol' }));
    assert.deepEqual([language.status, /cobol/.test(language.message)], [400, true]);
    const base = await stand.create();
    const none = await stand.refusal(base.runCode('1'));
    assert.deepEqual([none.status, /no code interpreter/.test(none.message)], [422, true]);
    const shape = await stand.refusal(sandbox.runCode(1 as unknown as string));
    assert.equal(shape.code, 'invalid_input');
  });
});
