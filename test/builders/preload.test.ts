import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { guestProgram } from '../../builders/guest-program.ts';
import { compileAddon } from '../../runtime-images/disk/addon.ts';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);

let directory: string;
let addon: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'thaw-preload-'));
  await writeFile(join(directory, 'preload.mjs'), await guestProgram('preload'));
  addon = join(directory, 'renewal.node');
  const source = new URL('../../runtime-images/node/renewal/renewal.c', import.meta.url);
  await compileAddon(fileURLToPath(source), addon, AbortSignal.timeout(60_000));
});
after(() => rm(directory, { recursive: true, force: true }));

/** An agent that knows one subscriber at a time. */
async function listen(name: string) {
  const path = join(directory, name);
  const subscribers: Socket[] = [];
  const server = createServer((socket) => subscribers.push(socket.on('error', () => {}))).listen(path);
  await once(server, 'listening');
  return {
    path,
    subscribers,
    async thaw(entropy: string, at = 0): Promise<string> {
      const socket = subscribers[at];
      assert.ok(socket);
      socket.write(`thaw ${entropy}\n`);
      const [answer] = await once(socket, 'data');
      return String(answer).trim();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of subscribers) socket.destroy();
      server.close();
    },
  };
}

/** Runs code that writes lines, and is told to go on by lines. */
async function run(code: string, env: Record<string, string> = {}) {
  const path = join(directory, 'app.cjs');
  await writeFile(path, code);
  const child: ChildProcess = spawn(process.execPath, [path], {
    env: {
      NODE_OPTIONS: `--import=${join(directory, 'preload.mjs')}`,
      THAW_RENEWAL: '/nowhere',
      THAW_RENEWAL_PAGE: '/nowhere',
      THAW_SOCKET: '/nowhere',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return {
    next: async (): Promise<string> => String((await lines.next()).value),
    go: () => child.stdin?.write('go\n'),
    ended: once(child, 'close').then(([code]) => code as number),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}

const ASKED = 'process.stdin.on("data", () => console.log(Math.random())); console.log("ready");';

test('without a page, Math.random follows what the agent tells', async () => {
  await using agent = await listen('told.sock');
  using app = await run(ASKED, { THAW_SOCKET: agent.path });
  assert.equal(await app.next(), 'ready');
  const afterThaw = async (entropy: string) => {
    assert.equal(await agent.thaw(entropy), 'ok');
    app.go();
    return app.next();
  };
  const first = await afterThaw(A);
  assert.notEqual(await afterThaw(B), first);
  assert.equal(await afterThaw(A), first);
});

test('an app runs and ends as without it: no agent, a refused socket, a connection that stays', async () => {
  await writeFile(join(directory, 'refused.sock'), '');
  await using agent = await listen('stays.sock');
  for (const path of ['/nowhere', join(directory, 'refused.sock'), agent.path]) {
    using app = await run('console.log(Object.keys(process.env).filter((name) => name.startsWith("THAW_")).length)', {
      THAW_SOCKET: path,
    });
    assert.equal(await app.next(), '0');
    assert.equal(await app.ended, 0);
  }
});

test('children and worker threads renew themselves too', async () => {
  await using agent = await listen('family.sock');
  const other = JSON.stringify(join(directory, 'other.cjs'));
  await writeFile(join(directory, 'other.cjs'), 'process.on("disconnect", process.exit); setInterval(() => {}, 1000);');
  // In a guest the socket is where they look for it by themselves.
  const code = `
    const env = { ...process.env, THAW_SOCKET: ${JSON.stringify(agent.path)} };
    require('node:child_process').fork(${other}, { env });
    new (require('node:worker_threads').Worker)(${other}, { env });
    console.log('up');`;
  using app = await run(code, { THAW_SOCKET: agent.path });
  assert.equal(await app.next(), 'up');
  while (agent.subscribers.length < 3) await sleep(20);
  for (const at of [0, 1, 2]) assert.equal(await agent.thaw(A, at), 'ok');
});

test('with the page, each request and upgrade finds the thaw by itself, and nobody is connected', async () => {
  await using agent = await listen('page.sock');
  const page = join(directory, 'page');
  const thaw = (count: number, entropy: string) => {
    const bytes = Buffer.alloc(4096);
    bytes.writeUInt32LE(count, 0);
    bytes.write(entropy, 8, 'hex');
    return writeFile(page, bytes, { flag: 'r+' });
  };
  await writeFile(page, Buffer.alloc(4096));
  // A store of random bytes is filled again only when the thaw is seen; nothing here calls Math.random.
  const code = `
    const { createServer } = require('node:http');
    const store = require('node:crypto').randomFillSync(Buffer.alloc(256));
    const server = createServer((request, response) => response.end(store.toString('hex')));
    server.on('upgrade', (request, socket) => socket.end(store.toString('hex') + '\\n'));
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
  const env = { THAW_RENEWAL: addon, THAW_RENEWAL_PAGE: page, THAW_SOCKET: agent.path };
  using app = await run(code, env);
  const url = `http://127.0.0.1:${await app.next()}/`;
  const ask = async () => {
    const answer = await fetch(url, { headers: { connection: 'close' } });
    assert.equal(answer.headers.get('date'), null);
    return answer.text();
  };
  const upgrade = async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    const [line] = await once(createInterface({ input: socket }), 'line');
    return line as string;
  };
  const frozen = await ask();
  assert.equal(await ask(), frozen);
  await thaw(1, A);
  const first = await ask();
  assert.notEqual(first, frozen);
  assert.equal(await upgrade(), first);
  await thaw(2, B);
  assert.notEqual(await upgrade(), first);
  assert.equal(agent.subscribers.length, 0);
});
