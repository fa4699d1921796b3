import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { thaw } from '../cli/command.ts';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { vmmProcesses } from '../fixtures/machine-state.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/** Longest that an answer about something broken may take: far below every time limit of the edge. */
const PROMPT_MS = 5000;

const CODE = `import { hostname } from 'node:os';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

let count = 0;
let active = 0;
let go = () => {};

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const ms = Number(searchParams.get('ms'));
    switch (pathname) {
      case '/throw': throw new Error('broken on purpose');
      case '/exit': return process.exit(7);
      case '/hold': return new Promise(() => {});
      case '/go': go(); return new Response('gone');
      case '/echo': return new Response(request.body);
      case '/events': return events();
      case '/later': ctx.waitUntil(sleep(ms).then(() => console.log('later is over'))); return new Response('soon');
      case '/reach': return new Response(await reach(searchParams.get('host'), Number(searchParams.get('port'))));
      case '/slow': {
        const beside = ++active;
        await sleep(ms);
        active--;
        return Response.json({ hostname: hostname(), beside });
      }
      default: console.log('asked for ' + pathname); return Response.json({ hostname: hostname(), count: ++count });
    }
  },
};

function events() {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const send = (text) => writer.write(new TextEncoder().encode('data: ' + text + '\\n\\n'));
  const told = new Promise((resolve) => { go = resolve; });
  void send('first').then(() => told).then(() => send('last')).then(() => writer.close());
  return new Response(readable, { headers: { 'content-type': 'text/event-stream' } });
}

async function reach(host, port) {
  const { promise, resolve } = Promise.withResolvers();
  const socket = connect({ host, port }, () => socket.write('GET /health HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'));
  socket.setTimeout(1500, () => socket.destroy());
  socket.on('data', () => resolve('answered'));
  socket.on('error', () => {});
  socket.on('close', () => resolve('nothing'));
  return promise.finally(() => socket.destroy());
}
`;

const SOCKET_CODE = `import { createServer } from 'node:http';
import { hostname } from 'node:os';
import WebSocketServer from './ws/lib/websocket-server.js';
const server = createServer((request, response) => response.end('plain'));
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  socket.send(hostname());
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
export default server;
`;

describe('a running function', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let edge: EdgeClient;

  before(async () => {
    server = stack.use(await startServer());
    await using tree = await WorkTree.create({ 'index.js': CODE });
    const { code, text } = await tree.push(server.remote('runs'));
    assert.equal(code, 0, text);
    edge = new EdgeClient(server.config, 'runs');
  });
  after(() => stack.disposeAsync());

  const prompt = (path: string, method = 'GET') => edge.ask(path, { method, signal: AbortSignal.timeout(PROMPT_MS) });

  test('50 requests at once to a sleeping one thaw one instance', async () => {
    await server.asleep();
    const answers = await Promise.all(Array.from({ length: 50 }, () => edge.ask()));
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    assert.equal(new Set(answers.map(({ json }) => json.hostname)).size, 1);
    assert.equal(new Set(answers.map(({ json }) => json.count)).size, 50, 'each was served once');
    assert.deepEqual([...new Set(answers.map(({ start }) => start))], ['cold']);
  });

  test('answers 500 where it throws, and goes on', async () => {
    const { json } = await edge.ask();
    const broken = await edge.ask('/throw');
    assert.equal(broken.status, 500);
    assert.doesNotMatch(broken.text, /on purpose/);
    const next = await edge.ask();
    assert.equal(next.json.hostname, json.hostname);
    assert.equal(next.json.count, json.count + 1);
    await server.asleep();
    const { stdout } = await thaw(['logs', 'runs'], { env: { THAW_URL: server.url, THAW_API_KEY: server.key } });
    assert.match(stdout, new RegExp(`${json.hostname}.*Error: broken on purpose`));
    assert.match(stdout, new RegExp(`${json.hostname}.*asked for /`));
  });

  test('that exits is replaced for the next request', async () => {
    const { json } = await edge.ask();
    const broken = await prompt('/exit');
    assert.equal(broken.status, 502);
    assert.equal(broken.json.error.code, 'app_crashed');
    // A process that ends closes its connections first, and its port a moment later.
    await sleep(200);
    const next = await prompt('/');
    assert.equal(next.status, 200);
    assert.notEqual(next.json.hostname, json.hostname);
    assert.equal(next.start, 'cold');
  });

  test('whose VM is killed is replaced; what it was answering fails at once', async () => {
    const { json } = await edge.ask();
    const held = prompt('/hold', 'POST'); // a GET would be asked again of the next instance
    while ((await server.thaw.instances.list()).every(({ requests }) => requests === 0)) await sleep(10);
    const pid = (await vmmProcesses(server.config.serverId)).get(json.hostname);
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    assert.equal((await held).status, 502);
    const next = await prompt('/');
    assert.equal(next.status, 200);
    assert.notEqual(next.json.hostname, json.hostname);
    const ids = (await server.thaw.instances.list()).map(({ id }) => id);
    assert.deepEqual(ids, [next.json.hostname]);
  });

  test('streams: the first event comes before the last is sent, a body is echoed while it is sent', async () => {
    const events = await edge.open({ path: '/events', headers: { accept: 'text/event-stream' } });
    const pieces = events.setEncoding('utf8')[Symbol.asyncIterator]();
    assert.match((await pieces.next()).value, /^data: first/);
    assert.equal((await edge.ask('/go')).text, 'gone');
    assert.match((await pieces.next()).value, /^data: last/);
    assert.equal((await pieces.next()).done, true);

    const sending = edge.begin({ method: 'POST', path: '/echo' });
    sending.write('one');
    const [answer] = await once(sending, 'response');
    const echoed = answer.setEncoding('utf8')[Symbol.asyncIterator]();
    assert.equal((await echoed.next()).value, 'one');
    sending.end('two');
    assert.equal((await echoed.next()).value, 'two');
    assert.equal((await echoed.next()).done, true);
  });

  test('stays while it has background work', async () => {
    const began = performance.now();
    assert.equal((await edge.ask('/later?ms=2500')).text, 'soon');
    await server.asleep();
    assert.ok(performance.now() - began > 2500);
    const { stdout } = await thaw(['logs', 'runs'], { env: { THAW_URL: server.url, THAW_API_KEY: server.key } });
    assert.match(stdout, /later is over/);
  });

  test('cannot be entered by its agent, from outside or by its own code', async () => {
    const { json } = await edge.ask();
    for (const port of [1001, 1002]) {
      assert.equal((await edge.ask('/health', { label: `${port}-${json.hostname}` })).status, 404);
      assert.equal(
        (await edge.ask('/health', { headers: { host: `runs.localhost:${port}` } })).json.hostname,
        json.hostname,
      );
    }
    const { api, edge: listen } = server.config;
    const closed = [
      ...['172.16.0.2', '127.0.0.1'].flatMap((host) => [1001, 1002].map((port) => [host, port])),
      ['172.16.0.1', api.port],
      ['172.16.0.1', listen.port],
      ['169.254.169.254', 80],
    ];
    const found = await Promise.all(closed.map(([host, port]) => edge.ask(`/reach?host=${host}&port=${port}`)));
    assert.deepEqual([...new Set(found.map(({ text }) => text))], ['nothing']);
    assert.equal((await edge.ask('/reach?host=127.0.0.1&port=8080')).text, 'answered', 'the probe itself works');
  });

  test('speaks WebSocket', async () => {
    await using tree = await WorkTree.create({ 'index.js': SOCKET_CODE, ...(await webSocketLibrary()) });
    const { code, text } = await tree.push(server.remote('socket'));
    assert.equal(code, 0, text);
    const { host, port } = server.config.edge;
    const socket = new WebSocket(`ws://${host}:${port}/`, { headers: { host: 'socket.localhost' } });
    const [name] = await once(socket, 'message');
    socket.send('over there');
    const [echo] = await once(socket, 'message');
    assert.equal(String(echo), 'over there');
    const [instance] = await server.thaw.instances.list({ app: 'socket' });
    assert.equal(instance?.id, String(name));
    await sleep(2 * server.config.idleMs);
    socket.send(Buffer.from([1, 2, 3]));
    const [bytes, binary] = await once(socket, 'message');
    assert.ok(binary && Buffer.from([1, 2, 3]).equals(bytes), 'an open connection keeps its instance');
    socket.close();
    await once(socket, 'close');
    await server.asleep();
  });

  describe('with two places on each of at most two instances', () => {
    before(async () => {
      await server.stop();
      await server.start({ THAW_SOFT_LIMIT: 2, THAW_MAX_INSTANCES: 2 });
    });

    test('uses both instances, and no more places than there are', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => edge.ask('/slow?ms=1200')));
      assert.deepEqual(
        answers.filter(({ status }) => status !== 200),
        [],
      );
      assert.equal(new Set(answers.map(({ json }) => json.hostname)).size, 2);
      assert.ok(answers.every(({ json }) => json.beside <= 2));
      await server.asleep();
      assert.deepEqual(await server.thaw.instances.list(), []);
    });

    test('gives the place of a client that left to the next', async () => {
      const held = Array.from({ length: 4 }, () => edge.send({ path: '/hold' }).on('error', () => {}));
      const busy = async () => (await server.thaw.instances.list()).reduce((sum, { requests }) => sum + requests, 0);
      while ((await busy()) < 4) await sleep(20);
      const next = prompt('/');
      const first = await Promise.race([next.then(() => 'answered'), sleep(300, 'waits')]);
      assert.equal(first, 'waits', 'all places are taken');
      held[0]?.destroy();
      assert.equal((await next).status, 200);
      for (const one of held) one.destroy();
      while ((await busy()) > 0) await sleep(20);
      await server.asleep();
    });
  });
});

/** The library as files of a repository, so that nothing has to be installed. */
async function webSocketLibrary(): Promise<Record<string, string>> {
  const root = dirname(createRequire(import.meta.url).resolve('ws'));
  const files = await readdir(join(root, 'lib'));
  const texts = await Promise.all(files.map((name) => readFile(join(root, 'lib', name), 'utf8')));
  return Object.fromEntries(files.map((name, at) => [`ws/lib/${name}`, texts[at] ?? '']));
}
