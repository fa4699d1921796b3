import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FakeAgent, fakeAgent } from './fake-agent.ts';
import { scratch } from './scratch.ts';

const MODULES = fileURLToPath(new URL('../../runtime-images/python/modules', import.meta.url));
const skip = spawnSync('python3', ['--version']).status === 0 ? false : 'there is no python3';

interface Program extends AsyncDisposable {
  agent: FakeAgent;
  /** Its next line of output. */
  line(): Promise<string>;
  /** Lets it go on where it reads a line. */
  goOn(): void;
  ended: Promise<unknown>;
}

/** Runs a program with the renewal on its path, against an agent. */
async function python(source: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  await using stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(await scratch());
  const socket = join(directory, 'agent.sock');
  const agent = stack.use(await fakeAgent(socket));
  await mkdir(join(directory, 'app'));
  for (const [name, text] of Object.entries({ 'main.py': source, ...files })) {
    await writeFile(join(directory, 'app', name), text);
  }
  const child: ChildProcess = spawn('python3', ['-u', 'main.py'], {
    cwd: join(directory, 'app'),
    env: { PATH: process.env.PATH, PYTHONPATH: MODULES, PYTHONDONTWRITEBYTECODE: '1', THAW_SOCKET: socket, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  stack.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  assert.ok(child.stdin && child.stdout);
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closing = stack.move();
  const program: Program = {
    agent,
    line: async () => (await lines.next()).value ?? '(no more)',
    goOn: () => void stdin.write('\n'),
    ended,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
  return program;
}

test("after a thaw the generator of `random` does not go on as the template's would", { skip }, async () => {
  await using program = await python(`
import random, copy
random.random()
template = random.getstate()
print('ready'); input()
clone = random.random()
random.setstate(template)
print(clone != random.random())`);
  const subscriber = await program.agent.subscriber();
  assert.equal(await program.line(), 'ready');
  assert.equal(await subscriber.thaw(), 'ok');
  program.goOn();
  assert.equal(await program.line(), 'True');
});

test('OpenSSL is given entropy of the kernel, different for each thaw', { skip }, async () => {
  await using program = await python(`
import ssl, _thaw_renewal
class Watched:
    def RAND_add(self, data, entropy): print(data.hex(), entropy)
_thaw_renewal._ssl = Watched()
print('ready'); input()`);
  const subscriber = await program.agent.subscriber();
  assert.equal(await program.line(), 'ready');
  const given = [];
  for (let round = 0; round < 2; round++) {
    assert.equal(await subscriber.thaw(), 'ok');
    given.push(await program.line());
  }
  for (const line of given) assert.match(line, /^[0-9a-f]{64} 32\.0$/);
  assert.notEqual(given[0], given[1]);
});

test('an OpenSSL that a package brought along is found', { skip }, async () => {
  await using program = await python(`
import _ssl, _thaw_renewal, ctypes, shutil
# A second copy of the library, as in a wheel.
path = next(line.split()[-1] for line in open('/proc/self/maps') if '/libcrypto' in line)
shutil.copy(path, './libcrypto-0f1e2d3c.so')
ctypes.CDLL('./libcrypto-0f1e2d3c.so')
print('ready'); input()
print(sorted(name.rsplit('/', 1)[-1].split('.')[0] for name in _thaw_renewal._libraries))`);
  const subscriber = await program.agent.subscriber();
  assert.equal(await program.line(), 'ready');
  assert.equal(await subscriber.thaw(), 'ok');
  program.goOn();
  assert.equal(await program.line(), "['libcrypto', 'libcrypto-0f1e2d3c']");
});

test('a hook is called at each thaw; what it raises fails the thaw', { skip }, async () => {
  await using program = await python(`
import thaw
calls = 0
@thaw.after_thaw
def renew():
    global calls
    calls += 1
    if calls > 1: raise ValueError('no\\nway \\u2603')
try:
    @thaw.after_thaw
    async def later(): pass
except TypeError as error: print(error)
input()
print(calls)`);
  const subscriber = await program.agent.subscriber();
  assert.match(await program.line(), /takes a plain function/);
  assert.equal(await subscriber.thaw(), 'ok');
  assert.equal(await subscriber.thaw(), 'error ValueError: no way \\u2603');
  program.goOn();
  assert.equal(await program.line(), '2');
});

test('a forked worker has a connection of its own', { skip }, async () => {
  await using program = await python(`
import os, random, sys
child = os.fork()
if child == 0:
    os.read(0, 1)
    print('child', random.random() >= 0)
    os._exit(0)
os.waitpid(child, 0)
print('parent')
os.read(0, 1)`);
  const parent = await program.agent.subscriber();
  const child = await program.agent.subscriber();
  assert.equal(await child.thaw(), 'ok');
  assert.equal(await parent.thaw(), 'ok');
  assert.equal(program.agent.open(), 2);
  program.goOn();
  assert.equal(await program.line(), 'child True');
  await child.gone;
  assert.equal(await program.line(), 'parent');
  assert.equal(await parent.thaw(), 'ok');
});

test('a process that has nothing to renew says so, and its children are told of thaws again', { skip }, async () => {
  await using program = await python(`
import os, _thaw_renewal
input()
_thaw_renewal.has_nothing()
if os.fork() == 0:
    os.read(0, 1)
    os._exit(0)
os.wait()`);
  const parent = await program.agent.subscriber();
  const said = parent.line();
  program.goOn();
  assert.equal(await said, 'watches');
  const child = await program.agent.subscriber();
  assert.equal(await child.thaw(), 'ok');
});

test('it answers while the main thread is busy, and does not keep the process alive', { skip }, async () => {
  await using program = await python(`
import time
print('busy')
end = time.monotonic() + 0.5
while time.monotonic() < end: pass`);
  const subscriber = await program.agent.subscriber();
  assert.equal(await program.line(), 'busy');
  assert.equal(await subscriber.thaw(), 'ok');
  await program.ended;
});

test("the app's own sitecustomize keeps its effect, and so does a module of its own called thaw", {
  skip,
}, async () => {
  await using directory = await scratch();
  await writeFile(join(directory.path, 'sitecustomize.py'), 'import sys; sys.from_the_app = "yes"');
  await using program = await python(
    'import sys, thaw\nprint(sys.from_the_app, thaw.MINE)\ninput()',
    { PYTHONPATH: `${MODULES}:${directory.path}` },
    { 'thaw.py': 'MINE = True' },
  );
  const subscriber = await program.agent.subscriber();
  assert.equal(await program.line(), 'yes True');
  assert.equal(await subscriber.thaw(), 'ok');
});

test('without an agent a process runs as ever', { skip }, async () => {
  await using program = await python('import thaw\nprint(thaw.after_thaw(print) is print)', {
    THAW_SOCKET: '/nowhere',
  });
  assert.equal(await program.line(), 'True');
  await program.ended;
});
