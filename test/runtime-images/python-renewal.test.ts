import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);
const SOURCES = new URL('../../runtime-images/python/', import.meta.url);

let directory: string;
let installed: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'thaw-python-'));
  installed = join(directory, 'installed');
  await mkdir(installed);
  await copyFile(new URL('thaw_renew.py', SOURCES), join(installed, 'sitecustomize.py'));
  await copyFile(new URL('thaw.py', SOURCES), join(installed, 'thaw.py'));
});
after(() => rm(directory, { recursive: true, force: true }));

/** An agent and a program that prints something for each line it reads. */
async function run(code: string, env: Record<string, string> = {}) {
  const path = join(directory, 'agent.sock');
  const subscribers: Socket[] = [];
  const server = createServer((socket) => {
    subscribers.push(socket.resume());
    socket.on('error', () => {}).on('close', () => subscribers.splice(subscribers.indexOf(socket), 1));
  }).listen(path);
  await once(server, 'listening');
  const child = spawn('python3', ['-u', '-c', code], {
    env: { PATH: process.env.PATH, PYTHONPATH: installed, THAW_SOCKET: path, ...env },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close');
  return {
    subscribers,
    errors: () => errors,
    next: async (): Promise<string> => String((await lines.next()).value),
    write: (line: string) => void child.stdin.write(`${line}\n`),
    ended: ended.then(([code]) => code as number | null),
    async thaw(entropy: string, at = 0): Promise<string> {
      const socket = subscribers[at];
      assert.ok(socket);
      socket.write(`thaw ${entropy}\n`);
      const [answer] = await once(socket, 'data');
      return String(answer).trim();
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      child.kill('SIGKILL');
      // Nobody reads what is left, so it would not end by itself.
      child.stdout.destroy();
      await ended;
      server.close();
      for (const socket of subscribers) socket.destroy();
    },
  };
}

const DEALS = `
import random, sys, ssl
print("ready")
for line in sys.stdin: print(random.random(), ssl.RAND_bytes(4).hex())
`;

test('random follows the entropy of the thaw, OpenSSL does not repeat itself', async () => {
  await using app = await run(DEALS);
  assert.equal(await app.next(), 'ready');
  const afterThaw = async (entropy: string) => {
    assert.equal(await app.thaw(entropy), 'ok');
    app.write('deal');
    return (await app.next()).split(' ');
  };
  const [first, one] = await afterThaw(A);
  const [other] = await afterThaw(B);
  const [again, two] = await afterThaw(A);
  assert.notEqual(other, first);
  assert.equal(again, first);
  assert.notEqual(one, two);
  assert.equal(app.errors(), '');
});

test('OpenSSL that came in with hashlib alone takes fresh entropy', async () => {
  await using app = await run(
    'import hashlib, sys; print("ready"); sys.stdin.readline(); print("_ssl" in sys.modules)',
  );
  assert.equal(await app.next(), 'ready');
  assert.equal(await app.thaw(A), 'ok');
  app.write('go');
  assert.equal(await app.next(), 'False');
});

test('a forked process has a connection of its own, and holds none of its parent', async () => {
  await using app = await run(`
import os, sys, time
parent = os.getpid()
os.write(1, b"child\\n" if os.fork() == 0 else b"parent\\n")
if os.getpid() == parent: sys.stdin.readline(); os._exit(0)
time.sleep(3)
`);
  assert.deepEqual([await app.next(), await app.next()].sort(), ['child', 'parent']);
  while (app.subscribers.length < 2) await sleep(10);
  assert.deepEqual([await app.thaw(A, 0), await app.thaw(B, 1)], ['ok', 'ok']);
  app.write('end');
  while (app.subscribers.length > 1) await sleep(10);
  assert.equal(await app.thaw(A), 'ok');
  assert.equal(app.errors(), '');
});

test("the app's own functions are called; what they raise fails the thaw", async () => {
  await using app = await run(`
import sys, thaw
count = 0
@thaw.after_thaw
def renew():
    global count
    count += 1
    if count > 1: raise ValueError("no\\nway")
try: thaw.after_thaw(type("", (), {"__code__": (lambda: 0).__code__.replace(co_flags=0x80)})())
except TypeError: print("refused")
for line in sys.stdin: print(count)
`);
  assert.equal(await app.next(), 'refused');
  assert.equal(await app.thaw(A), 'ok');
  app.write('count');
  assert.equal(await app.next(), '1');
  assert.equal(await app.thaw(A), 'error no way');
});

test('a program starts and ends as without it', async () => {
  await writeFile(join(directory, 'refused.sock'), '');
  for (const path of ['', '/nowhere', join(directory, 'refused.sock')]) {
    await using app = await run('import sys; print("socket" in sys.modules, "threading" in sys.modules)', {
      ...(path === '' ? {} : { THAW_SOCKET: path }),
      PYTHONNOUSERSITE: '1',
    });
    assert.match(await app.next(), /^(True|False) /);
    assert.equal(await app.ended, 0);
    assert.equal(app.errors(), '');
  }
});

test('another sitecustomize on the path keeps its effect', async () => {
  const other = join(directory, 'other');
  await mkdir(other);
  await writeFile(join(other, 'sitecustomize.py'), 'import builtins; builtins.customized = __name__');
  await using app = await run('print(customized)', { PYTHONPATH: `${installed}:${other}` });
  assert.equal(await app.next(), 'sitecustomize');
});
