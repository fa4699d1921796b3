import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { Sandbox, Thaw } from '../../platform/sdk/index.ts';

const INFO = { id: 's234567234567abc', state: 'running' };

/** A server that answers as the test says and notes what it was asked. */
async function listen(answer: (req: IncomingMessage, res: ServerResponse, count: number) => void) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    req.resume();
    asked.push(`${req.method} ${req.url}`);
    answer(req, res, asked.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const json = (res: ServerResponse, body: unknown) => {
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify(body));
};

describe('sandboxes in the SDK', () => {
  test('what only looks is asked again after a broken connection, what changes something is not', async () => {
    await using server = await listen((req, res, count) => {
      if (count <= 2) req.socket.destroy();
      else json(res, INFO);
    });
    const thaw = new Thaw({ url: server.url });
    const sandbox = await thaw.sandboxes.get(INFO.id);
    assert.equal(server.asked.length, 3);
    assert.equal(sandbox.id, INFO.id);

    await using broken = await listen((req) => req.socket.destroy());
    const other = new Thaw({ url: broken.url });
    await assert.rejects(other.sandboxes.create(), { code: 'unreachable' });
    assert.deepEqual(broken.asked, ['POST /v1/sandboxes']);
    await assert.rejects(other.sandboxes.list(), { code: 'unreachable' });
    assert.equal(broken.asked.length, 4);
  });

  test('what was never sent is tried again, whatever it is', async () => {
    let tries = 0;
    const refusing: typeof fetch = (...given) => {
      tries += 1;
      return fetch(...given);
    };
    const closed = await listen(() => {});
    await closed[Symbol.asyncDispose]();
    const thaw = new Thaw({ url: closed.url, fetch: refusing });
    await assert.rejects(thaw.sandboxes.create(), { code: 'unreachable' });
    assert.equal(tries, 3);
  });

  test('address and key come from the environment; its key goes to no other server', async () => {
    const keys: (string | undefined)[] = [];
    await using server = await listen((req, res) => {
      keys.push(req.headers.authorization);
      json(res, INFO);
    });
    const { THAW_URL, THAW_API_KEY } = process.env;
    try {
      process.env.THAW_URL = server.url;
      process.env.THAW_API_KEY = 'thw_environment';
      await Sandbox.create();
      await Sandbox.create({ url: server.url });
      await Sandbox.create({ url: server.url, apiKey: 'thw_given' });
      delete process.env.THAW_URL;
      assert.throws(() => Sandbox.create(), { code: 'invalid_input' });
    } finally {
      if (THAW_URL === undefined) delete process.env.THAW_URL;
      else process.env.THAW_URL = THAW_URL;
      if (THAW_API_KEY === undefined) delete process.env.THAW_API_KEY;
      else process.env.THAW_API_KEY = THAW_API_KEY;
    }
    assert.deepEqual(keys, ['Bearer thw_environment', undefined, 'Bearer thw_given']);
  });

  test('await using ends it, also when the block throws', async () => {
    await using server = await listen((_, res) => json(res, INFO));
    const work = async () => {
      await using _sandbox = await Sandbox.create({ url: server.url });
      throw new Error('of the block');
    };
    await assert.rejects(work(), { message: 'of the block' });
    assert.deepEqual(server.asked, ['POST /v1/sandboxes', `DELETE /v1/sandboxes/${INFO.id}`]);
  });

  test('events come in pieces and between comments; one that breaks off says why', async () => {
    const error = { error: { code: 'unavailable', message: 'Events were missed.' } };
    await using server = await listen((_, res) => {
      res.setHeader('content-type', 'text/event-stream');
      const text = `: listening\n\nevent: created\ndata: {"type":"created"}\n\n: quiet\n\nevent: error\ndata: ${JSON.stringify(error)}\n\n`;
      res.write(text.slice(0, 40));
      setTimeout(() => res.end(text.slice(40)), 20);
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { type } of new Thaw({ url: server.url }).sandboxes.events()) seen.push(type);
    })();
    await assert.rejects(reading, { code: 'unavailable', message: 'Events were missed.' });
    assert.deepEqual(seen, ['created']);
  });

  test('a stream of a command that does not say how it ended is an error', async () => {
    await using server = await listen((req, res) => {
      if (req.method === 'GET') return json(res, INFO);
      res.end('{"type":"stdout","data":"x"}\n');
    });
    const sandbox = await new Thaw({ url: server.url }).sandboxes.get(INFO.id);
    await assert.rejects(Array.fromAsync(sandbox.stream('true')), { code: 'broken_answer' });
  });

  test('what a command writes is told as it comes to who listens, and gathered', async () => {
    await using server = await listen((req, res) => {
      if (req.method === 'GET') return json(res, INFO);
      res.write('{"type":"stdout","data":"a"}\n{"type":"stderr","data":"b"}\n{"type":"stdout","data":"c"}\n');
      res.end('{"type":"exit","exitCode":3,"signal":null,"timedOut":false,"truncated":false}\n');
    });
    const sandbox = await new Thaw({ url: server.url }).sandboxes.get(INFO.id);
    const told: string[] = [];
    const done = await sandbox.exec('x', {
      onStdout: (text) => told.push(text),
      onStderr: (text) => told.push(`!${text}`),
    });
    assert.deepEqual(told, ['a', '!b', 'c']);
    const exit = { exitCode: 3, signal: null, timedOut: false, truncated: false };
    assert.deepEqual(done, { stdout: 'ac', stderr: 'b', ...exit });
  });

  test('output goes on where a connection broke off, and says what was missed', async () => {
    const line = (value: unknown) => `${JSON.stringify(value)}\n`;
    await using server = await listen((req, res, count) => {
      if (count === 1) return json(res, INFO);
      const after = Number(new URL(req.url ?? '', 'http://x').searchParams.get('after'));
      res.write(line({ type: 'start', pid: 7, position: count === 4 ? 5 : after }));
      if (count === 2) {
        res.write(line({ type: 'stdout', data: 'one', position: 3 }));
        setTimeout(() => req.socket.destroy(), 20);
      } else if (count === 3) {
        res.end(line({ type: 'failed', error: { code: 'cancelled', message: 'It stops.' } }));
      } else {
        res.write(line({ type: 'stderr', data: 'two', position: 8 }));
        res.end(line({ type: 'exit', exitCode: 4, signal: null, timedOut: false, truncated: false }));
      }
    });
    const sandbox = await new Thaw({ url: server.url }).sandboxes.get(INFO.id);
    const told = await Array.fromAsync(sandbox.commands.connect(7).output());
    assert.deepEqual(told, [
      { type: 'stdout', data: 'one', position: 3 },
      { type: 'stderr', data: 'two', position: 8 },
      { type: 'exit', exitCode: 4, signal: null, timedOut: false, truncated: true },
    ]);
    const asked = server.asked.slice(1).map((path) => /after=(\d+)/.exec(path)?.[1]);
    assert.deepEqual(asked, ['0', '3', '3']);
  });

  test('output that is refused is not asked for again', async () => {
    await using server = await listen((_, res, count) => {
      if (count === 1) return json(res, INFO);
      res.statusCode = 404;
      json(res, { error: { code: 'not_found', message: 'No such process.' } });
    });
    const sandbox = await new Thaw({ url: server.url }).sandboxes.get(INFO.id);
    const command = sandbox.commands.connect(7);
    await assert.rejects(command.wait(), { code: 'not_found' });
    assert.equal(await command.kill(), false);
    assert.equal(server.asked.length, 3);
  });

  test('input stays in order; what is written while a piece is under way goes together', async () => {
    const bodies: string[] = [];
    const server = createServer((req, res) => {
      if (req.method === 'GET') return json(res, INFO);
      let body = '';
      req.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      req.on('end', () => {
        bodies.push(`${new URL(req.url ?? '', 'http://x').search}${body}`);
        setTimeout(() => res.writeHead(204).end(), 10);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const command = (await new Thaw({ url }).sandboxes.get(INFO.id)).commands.connect(7);
    const first = command.write('a');
    await new Promise((resolve) => setImmediate(resolve));
    const rest = ['b', 'c', 'd'].map((text) => command.write(text));
    await Promise.all([first, ...rest]);
    await command.write('e');
    void command.write('f');
    await command.closeStdin();
    assert.deepEqual(bodies, ['a', 'bcd', 'e', 'f', '?end=true']);
    server.close();
  });
});
