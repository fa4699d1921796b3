import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Vm } from '../../platform/host/contract.ts';
import { openTestHost, shell, type TestHost } from '../fixtures/host.ts';
import { call, runCode } from './interpreter-client.ts';

const SHAPE = { memoryMiB: 512, vcpus: 1 };
const MIB = 1024 * 1024;

describe('code in the code interpreter', { concurrency: false }, () => {
  let at: TestHost;
  let vm: Vm;
  before(async () => {
    at = await openTestHost();
    const template = await at.host.runtimeTemplate('code-interpreter', SHAPE);
    vm = await at.thaw({ template: template.id });
  });
  after(() => at?.[Symbol.asyncDispose]());

  it('interrupts code that takes too long, and keeps the kernel', async () => {
    const began = performance.now();
    const code = 'mark = 1\nimport subprocess\nsubprocess.run(["sleep", "60"])\nmark = 2';
    const { error, end } = await runCode(vm, code, { timeout_ms: 1_000 });
    assert.equal(error?.name, 'KeyboardInterrupt');
    assert.match(error?.value ?? '', /longer than 1 s/);
    assert.equal(end?.type, 'end_of_execution');
    assert.ok(performance.now() - began < 20_000);
    assert.equal((await runCode(vm, 'mark')).text, '1');
    assert.equal(
      await shell(at.host, vm.id, 'cat /proc/[0-9]*/comm | grep -cx sleep || true'),
      '0',
      'what it started was interrupted too',
    );
  });

  it('interrupts code whose client has hung up', async () => {
    const hangUp = new AbortController();
    const code = 'print("begun", flush=True)\nimport time\nwhile True: time.sleep(0.01)';
    const onData = (text: string) => {
      if (text.includes('begun')) hangUp.abort();
    };
    await assert.rejects(call(vm, 'POST', '/execute', { code }, { signal: hangUp.signal, onData }), {
      name: 'AbortError',
    });
    const next = await runCode(vm, 'mark');
    assert.equal(next.text, '1');
    assert.equal(next.stderr, '', 'the kernel is the same');
  });

  it('ends a kernel that cannot be interrupted', async () => {
    const code = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass';
    const { error } = await runCode(vm, code, { timeout_ms: 200 });
    assert.equal(error?.name, 'KernelEnded');
    assert.match(error?.value ?? '', /SIGKILL/);
    assert.equal((await runCode(vm, '1')).text, '1');
  });

  it('tells when a kernel dies, while it runs code and between, and starts a new one', async () => {
    const dying = await runCode(vm, 'import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)');
    assert.equal(dying.error?.name, 'KernelEnded');
    assert.match(dying.error?.value ?? '', /SIGSEGV/);
    assert.equal(dying.end?.type, 'end_of_execution');
    const pid = (await runCode(vm, 'os = __import__("os"); os.getpid()')).text;
    await shell(at.host, vm.id, `kill -9 ${pid}; until grep -q zombie /proc/${pid}/status; do sleep 0.05; done`);
    const next = await runCode(vm, '"os" in globals()');
    assert.match(next.stderr, /SIGKILL.*a new one was started/);
    assert.equal(next.text, 'False');
    assert.match((await runCode(vm, 'import sys; sys.exit(3)')).error?.name ?? '', /SystemExit/);
  });

  it('bounds what is sent, says so, and the kernel goes on', async () => {
    const flood = await runCode(vm, 'for i in range(300): print("x" * 65535)\nprint("end")\ndone = True');
    assert.ok(flood.stdout.length <= 4 * MIB);
    assert.match(flood.stderr, /Output past 4194304 bytes is dropped/);
    assert.deepEqual(flood.end, { type: 'end_of_execution', truncated: true });
    const line = await runCode(vm, 'print("y" * (6 << 20))');
    assert.equal(line.stdout.length, 4 * MIB);
    const result = await runCode(vm, 'from IPython.display import HTML\nHTML("z" * (33 << 20))');
    assert.deepEqual(result.results, []);
    assert.match(result.stderr, /A result of \d+ bytes is dropped/);
    assert.equal((await runCode(vm, 'done')).text, 'True');
  });

  it('loses nothing of a kernel that publishes faster than it is heard', async () => {
    const code = `
import os, signal, subprocess
from IPython.display import publish_display_data
parent = lambda pid: int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
service = parent(os.getppid())
os.kill(service, signal.SIGSTOP)
subprocess.Popen(["sh", "-c", f"sleep 4; kill -CONT {service}"])
for i in range(500): publish_display_data({"text/plain": "x"})
print("end")`;
    const many = await runCode(vm, code);
    assert.equal(many.error, undefined);
    assert.equal(many.results.length, 500);
    assert.equal(many.stdout, 'end\n');
    assert.deepEqual(many.end, { type: 'end_of_execution' });
  });

  it('loses the kernel and not the service when memory runs out', async () => {
    const { error } = await runCode(vm, 'kept = []\nwhile True: kept.append(bytearray(b"x" * (16 << 20)))');
    assert.match(`${error?.name} ${error?.value}`, /^KernelEnded .*SIGKILL.*memory|^MemoryError/);
    assert.equal((await runCode(vm, '"kept" in globals()')).text, error?.name === 'MemoryError' ? 'True' : 'False');
  });
});
