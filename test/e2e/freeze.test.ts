import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { example } from '../fixtures/example.ts';
import { WorkTree } from '../fixtures/git.ts';
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

  test('goes on where it was after the server was stopped or killed, its log without a line twice', async () => {
    await using server = await startServer({ THAW_IDLE_MS: 60_000 });
    await using tree = await WorkTree.create({
      'index.js':
        'let n = 0;\nexport default () => { n += 1; console.log("count", n); return new Response(String(n)); };\n',
      'thaw.toml': 'sleep = "freeze"\n',
    });
    const pushed = await tree.push(server.remote('counter'));
    assert.equal(pushed.code, 0, pushed.text);
    const count = async () => {
      const { text, start } = await new EdgeClient(server.config, 'counter').ask();
      return { n: Number(text), start };
    };
    const { n } = await count();
    for (const [round, signal] of (['SIGTERM', 'SIGKILL', 'SIGTERM'] as const).entries()) {
      await server.stop(signal);
      await server.start();
      const again = await count();
      assert.deepEqual(again, { n: n + 1 + round, start: signal === 'SIGTERM' ? 'resumed' : 'warm' });
    }
    const wanted = Array.from({ length: 4 }, (_, at) => `count ${n + at}`);
    let said: string[] = [];
    for (let tries = 0; said.length < wanted.length && tries < 50; tries += 1) {
      await sleep(100);
      said = (await Array.fromAsync(server.thaw.logs.read('counter'))).flatMap(({ stream, line }) =>
        stream === 'request' ? [] : [line],
      );
    }
    assert.deepEqual(said, wanted);
    await server.thaw.apps.remove('counter');
  });
});
