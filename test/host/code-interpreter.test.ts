import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Template, Vm } from '../../platform/host/contract.ts';
import { openTestHost, shell, type TestHost } from '../fixtures/host.ts';
import { call, INTERPRETER_PORT, runCode } from './interpreter-client.ts';

const SHAPE = { memoryMiB: 512, vcpus: 1 };
const PNG = '\x89PNG\r\n\x1a\n';
const MIB = 1024 * 1024;
/** 127.0.0.1 as /proc/net/tcp has it. */
const LOOPBACK = '0100007F';

describe('the code interpreter', { concurrency: false }, () => {
  let at: TestHost;
  let template: Template;
  let vm: Vm;
  before(async () => {
    at = await openTestHost();
    template = await at.host.runtimeTemplate('code-interpreter', SHAPE);
    vm = await at.thaw({ template: template.id });
  });
  after(() => at?.[Symbol.asyncDispose]());

  it('answers right after a thaw: its first kernel is part of the template, and untouched', async (test) => {
    const began = performance.now();
    const fresh = await at.thaw({ template: template.id });
    const thawed = performance.now();
    const first = await runCode(fresh, '1 + 1');
    const done = performance.now();
    test.diagnostic(`thaw ${Math.round(thawed - began)} ms, first result ${Math.round(done - thawed)} ms after it`);
    assert.deepEqual(first.lines, [
      { type: 'number_of_executions', execution_count: 1 },
      { type: 'result', is_main_result: true, text: '2' },
      { type: 'end_of_execution' },
    ]);
    const kept = await runCode(fresh, '[name for name in globals() if not name.startswith("_")], Out');
    assert.equal(kept.text, "(['In', 'Out', 'get_ipython', 'exit', 'quit'], {1: 2})");
    await at.host.end(fresh.id);
  });

  it('keeps variables, functions and imports from call to call', async () => {
    await runCode(vm, 'import math\ndef area(r): return math.pi * r ** 2\nradius = 2');
    assert.equal((await runCode(vm, 'round(area(radius), 3)')).text, '12.566');
    assert.equal((await runCode(vm, '"a string is its value"')).text, 'a string is its value');
    assert.equal((await runCode(vm, 'await __import__("asyncio").sleep(0, 7)')).text, '7');
  });

  it('streams what is written, in its order, as it is written', async () => {
    const code = `
import sys, time
for i in range(3):
    print("out", i, flush=True)
    print("err", i, file=sys.stderr, flush=True)
open("/tmp/go-on", "w").close()
import os
while os.path.exists("/tmp/go-on"): time.sleep(0.01)
print("last")`;
    const heard = Promise.withResolvers<void>();
    let text = '';
    const running = call(
      vm,
      'POST',
      '/execute',
      { code },
      {
        onData: (piece) => {
          text += piece;
          if (text.includes('err 2')) heard.resolve();
        },
      },
    );
    await heard.promise; // while the code still runs
    assert.doesNotMatch(text, /last|end_of_execution/);
    await shell(at.host, vm.id, 'until rm /tmp/go-on 2>/dev/null; do sleep 0.05; done');
    const { body } = await running;
    const lines = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const said: { type: string; text?: string }[] = [];
    for (const { type, text: part } of lines) {
      // A line is written in two pieces, its end apart.
      const last = said.at(-1);
      if (part !== undefined && last !== undefined && last.type === type) last.text += part;
      else said.push(part === undefined ? { type } : { type, text: part });
    }
    assert.deepEqual(said, [
      { type: 'number_of_executions' },
      ...[0, 1, 2].flatMap((i) => [
        { type: 'stdout', text: `out ${i}\n` },
        { type: 'stderr', text: `err ${i}\n` },
      ]),
      { type: 'stdout', text: 'last\n' },
      { type: 'end_of_execution' },
    ]);
    const commands = await runCode(vm, '!echo from a command; echo and its error >&2');
    assert.match(commands.stdout + commands.stderr, /from a command[\s\S]*and its error/);
  });

  it('tells an error with its traceback, and goes on', async () => {
    const { error, end } = await runCode(vm, 'def divide(a, b):\n    return a / b\n\ndivide(1, 0)');
    assert.equal(error?.name, 'ZeroDivisionError');
    assert.equal(error?.value, 'division by zero');
    assert.match(error?.traceback ?? '', /line 4[\s\S]*divide\(a, b\)[\s\S]*return a \/ b/);
    assert.doesNotMatch(error?.traceback ?? '', /\[[0-9;]+m/, 'no colours');
    assert.equal(end?.type, 'end_of_execution');
    assert.equal((await runCode(vm, 'this is no Python')).error?.name, 'SyntaxError');
    assert.equal((await runCode(vm, 'input()')).error?.name, 'StdinNotImplementedError');
    assert.equal((await runCode(vm, 'radius')).text, '2');
  });

  it('gives figures as PNG and tables as HTML', async () => {
    const figure = await runCode(
      vm,
      'import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title("t")\nplt.show()',
    );
    const png = Buffer.from(String(figure.results[0]?.png), 'base64');
    assert.equal(png.toString('latin1', 0, 8), PNG);
    assert.equal(figure.results.length, 1);
    assert.equal(figure.results[0]?.is_main_result, false);

    const table = await runCode(vm, 'import pandas as pd\npd.DataFrame({"city": ["Riga", "Łódź"], "n": [1, 2]})');
    assert.match(String(table.results[0]?.html), /<table[\s\S]*<td>Łódź<\/td>/);
    assert.match(String(table.text), /Riga/);

    const kinds = `
from IPython.display import display, Markdown, Latex, JSON, Javascript, SVG, HTML
for one in Markdown("# m"), Latex("$x$"), JSON({"a": [1]}), Javascript("1"), SVG("<svg xmlns='http://www.w3.org/2000/svg'/>"), HTML("<b>"): display(one)
display({"application/x-own": "mine", "text/plain": "p"}, raw=True)`;
    const { results } = await runCode(vm, kinds);
    const found = Object.assign({}, ...results.slice(0, -1));
    assert.deepEqual(
      [found.markdown, found.latex, found.json, found.javascript, found.html],
      ['# m', '$x$', { a: [1] }, '1', '<b>'],
    );
    assert.match(found.svg, /<svg/);
    assert.deepEqual(results.at(-1)?.extra, { 'application/x-own': 'mine' });
  });

  it('gives a call its own variables, a context its own too, and all of them those of the sandbox', async () => {
    const read = 'import os; [os.environ.get(name) for name in ("CALL", "CONTEXT", "SANDBOX")], os.getcwd()';
    await shell(at.host, vm.id, 'install -d -o app /app/data');
    const made = await call(vm, 'POST', '/contexts', {
      cwd: '/app/data',
      language: 'python',
      env_vars: { CONTEXT: 'c' },
    });
    const context = JSON.parse(made.body);
    assert.deepEqual({ ...context, id: '' }, { id: '', language: 'python', cwd: '/app/data' });
    assert.equal((await call(vm, 'PUT', '/environment', { env_vars: { SANDBOX: 's' } })).status, 204);
    const there = await runCode(vm, read, { context_id: context.id, env_vars: { CALL: 'now' } });
    assert.equal(there.text, "(['now', 'c', 's'], '/app/data')");
    assert.equal((await runCode(vm, read)).text, "([None, None, 's'], '/app')");
    await call(vm, 'PUT', '/environment', { env_vars: {} });
    assert.equal((await runCode(vm, read)).text, "([None, None, None], '/app')");

    await runCode(vm, 'radius = 9', { context_id: context.id });
    assert.equal((await runCode(vm, 'radius')).text, '2', 'contexts share no variables');
    const listed = JSON.parse((await call(vm, 'GET', '/contexts')).body).map(({ id }: { id: string }) => id);
    assert.deepEqual(listed, ['default', context.id]);

    assert.equal((await call(vm, 'POST', `/contexts/${context.id}/restart`)).status, 204);
    assert.equal((await runCode(vm, 'radius', { context_id: context.id })).error?.name, 'NameError');
    assert.equal((await runCode(vm, read, { context_id: context.id })).text, "([None, 'c', None], '/app/data')");
    assert.equal((await call(vm, 'DELETE', `/contexts/${context.id}`)).status, 204);
    assert.equal((await call(vm, 'POST', '/execute', { code: '1', context_id: context.id })).status, 404);
    assert.equal(JSON.parse((await call(vm, 'GET', '/contexts')).body).length, 1);
  });

  it('refuses what it does not understand in a sentence', async () => {
    const refused = async (method: string, path: string, body?: unknown) => {
      const { status, body: text } = await call(vm, method, path, body);
      return `${status} ${text}`;
    };
    assert.match(await refused('POST', '/execute', { code: '1', language: 'r' }), /^400 The language r is not here/);
    assert.match(await refused('POST', '/contexts', { language: 'bash' }), /^400 The language bash/);
    assert.match(
      await refused('POST', '/contexts', { cwd: '/nowhere' }),
      /^400 The working directory \/nowhere is not there/,
    );
    assert.match(await refused('POST', '/execute', { code: '1', context_id: 'none' }), /^404 Context none not found/);
    assert.match(
      await refused('POST', '/execute', { code: '1', context_id: 'default', language: 'python' }),
      /^400 Only one of/,
    );
    assert.match(await refused('POST', '/contexts/none/restart'), /^404 /);
    assert.match(await refused('DELETE', '/contexts/none'), /^404 /);
    assert.match(await refused('POST', '/execute', '{"code": '), /^400 The body is not JSON/);
    assert.match(await refused('POST', '/execute', '[1]'), /^400 The body is not a JSON object/);
    assert.match(await refused('POST', '/execute', {}), /^400 code must be a string/);
    assert.match(await refused('POST', '/execute', { code: '1', env_vars: { A: 1 } }), /^400 env_vars must be/);
    assert.match(await refused('POST', '/execute', { code: '1', env_vars: { 'A=B': '' } }), /^400 env_vars has a name/);
    assert.match(await refused('POST', '/execute', { code: '1', timeout_ms: 'soon' }), /^400 timeout_ms must be/);
    assert.match(await refused('POST', '/execute', { code: 'x'.repeat(9 * MIB) }), /^413 /);
    assert.match(await refused('GET', '/nothing'), /^404 There is no GET \/nothing/);
    assert.equal(await refused('GET', '/health'), '200 OK');
    assert.equal((await runCode(vm, '1', { language: 'Python' })).text, '1');
  });

  it('gives each clone randomness of its own, in new kernels too', async () => {
    const code = `
import random, secrets, uuid, numpy, os
[random.random(), numpy.random.rand(), numpy.random.default_rng().random(), secrets.token_hex(8), str(uuid.uuid4())]`;
    const seen = await Promise.all(
      [1, 2].map(async () => {
        const clone = await at.thaw({ template: template.id });
        const own = await runCode(clone, code);
        const { id } = JSON.parse((await call(clone, 'POST', '/contexts', {})).body);
        const other = await runCode(clone, code, { context_id: id });
        await at.host.end(clone.id);
        return [own, other, { text: id }].map(({ text }) => JSON.parse(JSON.stringify(text)));
      }),
    );
    const numbers = seen.flat().flatMap((text: string) => text.replace(/[[\] ']/g, '').split(','));
    assert.equal(numbers.length, 2 * (5 + 5 + 1));
    assert.equal(new Set(numbers).size, numbers.length, 'nothing twice');
  });

  it('keeps variables and generators apart in copies of a VM whose kernel is in use', async () => {
    const original = await at.thaw({ template: template.id, memory: 'own' });
    await runCode(original, 'import random, numpy\nkept = 41\nrandom.seed(1); numpy.random.seed(1)');
    const copy = await at.host.fork(original.id, {});
    const copied = await runCode(copy, 'kept += 1; kept, random.random(), numpy.random.rand()');
    const there = await runCode(original, 'kept += 1; kept, random.random(), numpy.random.rand()');
    const [one, other] = [copied, there].map(({ text }) => String(text).replace(/[()]/g, '').split(', '));
    assert.deepEqual([one?.[0], other?.[0]], ['42', '42']);
    assert.notEqual(one?.[1], other?.[1]);
    assert.notEqual(one?.[2], other?.[2]);
    await Promise.all([at.host.end(original.id), at.host.end(copy.id)]);
  });

  it('listens on its port alone, besides the agent and what is the machine’s own', async () => {
    const read = `awk 'FNR > 1 && $4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6`;
    const listening = (await shell(at.host, vm.id, read)).split('\n').map((line) => line.split(':'));
    const outside = listening.filter(([address]) => address !== LOOPBACK);
    assert.deepEqual(outside.map(([, port]) => Number.parseInt(port ?? '', 16)).sort(), [1001, 1002, INTERPRETER_PORT]);
  });
});
