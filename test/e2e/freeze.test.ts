import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { example } from '../fixtures/example.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { startServer } from '../fixtures/server.ts';

describe('an app that freezes', () => {
  test('keeps its memory and its WebSockets open while no process of it runs', async () => {
    await using server = await startServer();
    await using tree = await example('websocket-chat', { 'thaw.toml': 'sleep = "freeze"\nidle_timeout = "1s"\n' });
    const pushed = await tree.push(server.remote('chat'));
    assert.equal(pushed.code, 0, pushed.text);
    const socket = new WebSocket(`ws://127.0.0.1:${server.config.edge.port}/`, { headers: { host: 'chat.localhost' } });
    await once(socket, 'open');
    for (const message of ['one', 'two', 'three']) {
      socket.send(message);
      assert.equal(String((await once(socket, 'message'))[0]), message);
      while ((await server.thaw.instances.list())[0]?.state !== 'asleep') await sleep(50);
      assert.deepEqual((await server.holdings()).processes, []);
    }
    const edge = new EdgeClient(server.config, 'chat');
    const answer = await edge.ask();
    assert.equal(answer.start, 'resumed');
    assert.deepEqual(JSON.parse(answer.text), { messages: 3 });
    socket.close();
    await server.thaw.apps.remove('chat');
  });
});
