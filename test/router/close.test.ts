import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { silentLog } from '../../platform/log.ts';
import { openEdge } from '../../router/edge.ts';
import { ask, begin, until } from './client.ts';
import { openStand } from './stand.ts';

test('closing lets answers under way finish, takes no more, and ends the instances', async () => {
  const finish = Promise.withResolvers<void>();
  await using stand = await openStand({
    app: () => (_req, res) => {
      res.write('a');
      void finish.promise.then(() => res.end('b'));
    },
  });
  const answer = ask({ port: stand.port });
  await until(() => stand.edge.instances()[0]?.requests === 1);
  const closed = stand.edge[Symbol.asyncDispose]();
  await assert.rejects(ask({ port: stand.port }), { code: 'ECONNREFUSED' });
  finish.resolve();
  assert.equal((await answer).body, 'ab');
  await closed;
  assert.deepEqual(stand.ended, ['i1']);
});

test('closing breaks off what outlasts the grace time', async () => {
  await using stand = await openStand({
    app: () => (_req, res) => void res.write('begun'),
    prepare: (server) => new WebSocketServer({ server }),
    parts: { graceMs: 50 },
  });
  const answer = await begin({ port: stand.port });
  const socket = new WebSocket(`ws://127.0.0.1:${stand.port}/`, { headers: { host: 'shop.localhost' } });
  await once(socket, 'open');
  const gone = once(socket, 'close');
  const broken = assert.rejects(answer.toArray());
  await stand.edge[Symbol.asyncDispose]();
  await Promise.all([gone, broken]);
});

test('instances are left running when they are to be kept', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end('hello'), parts: { atClose: 'keep' } });
  await ask({ port: stand.port });
  await stand.edge[Symbol.asyncDispose]();
  assert.deepEqual(stand.ended, []);
  assert.equal(stand.servers.size, 1);
});

test('closing does not wait for connections that clients keep open', async () => {
  const agent = new Agent({ keepAlive: true });
  await using stand = await openStand({ app: () => (_req, res) => res.end('hello') });
  await ask({ port: stand.port, agent });
  const began = performance.now();
  await stand.edge[Symbol.asyncDispose]();
  assert.ok(performance.now() - began < 500);
  agent.destroy();
});

test('an address that is taken is told by name', async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end() });
  const parts = {
    resolve: () => undefined,
    thaw: () => Promise.reject(new Error('unused')),
    end: async () => {},
    sleep: async () => {},
    wake: () => Promise.reject(new Error('unused')),
    pending: async () => 0,
    log: silentLog(),
    domain: 'localhost',
    now: () => performance.now(),
  };
  await assert.rejects(openEdge(parts, { host: '127.0.0.1', port: stand.port }), {
    code: 'misconfigured',
    message: /cannot listen on 127\.0\.0\.1/,
  });
});
