import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Connection } from '../../router/wire/connection.ts';
import { Connections } from '../../router/wire/connections.ts';
import type { BodyFraming, Roundtrip } from '../../router/wire/roundtrip.ts';
import { until } from './client.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Connections to a server that is handed each of its sockets. */
async function openTo(serve: (socket: Socket) => void) {
  await using stack = new AsyncDisposableStack();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  }).listen(0, '127.0.0.1');
  stack.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await once(server, 'listening');
  const clock = { now: 0 };
  const connections = new Connections(() => clock.now);
  stack.defer(() => connections.close());
  const { port } = server.address() as AddressInfo;
  const open = () => connections.open('127.0.0.1', port, 1000, new AbortController().signal);
  const all = stack.move();
  return { connections, open, sockets, clock, port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Sends a request; resolves with what came of it. */
function ask(connection: Connection, body: BodyFraming = 'none', told?: (up: Roundtrip) => void): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const up = connection.send(
      { method: 'POST', path: '/', headers: ['host', 'x'], body },
      {
        interim: () => {},
        begin: ({ status }) => {
          text = `${status} `;
          return {
            data: (piece) => {
              text += piece;
            },
            lull: () => {},
            end: () => resolve(text),
            cut: () => resolve(`${text} cut`),
          };
        },
        switched: () => resolve('switched'),
        broken: () => resolve('broken'),
      },
    );
    told?.(up);
  });
}

const answering = (answer: string) => (socket: Socket) => void socket.on('data', () => socket.write(answer, 'latin1'));

test('a connection is used again, the one that was used last before all others', async () => {
  await using one = await openTo(answering(OK));
  const [first, second] = [await one.open(), await one.open()];
  assert.equal(one.connections.take(), undefined);
  assert.equal(await ask(first), '200 ok');
  assert.equal(await ask(second), '200 ok');
  assert.equal(one.connections.take(), second);
  assert.equal(await ask(second), '200 ok');
  assert.deepEqual(
    [one.connections.take(), one.connections.take(), one.connections.take()],
    [second, first, undefined],
  );
});

test('a connection is not used in the last second of the time for which the instance keeps it', async () => {
  await using one = await openTo(answering(OK.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=5, max=9\r\n\r\n')));
  const connection = await one.open();
  await ask(connection);
  one.clock.now = 3999;
  assert.equal(one.connections.take(), connection);
  await ask(connection);
  one.clock.now += 4000;
  assert.equal(one.connections.take(), undefined);
  assert.equal(connection.socket.destroyed, true);
});

test('a connection of which the end of an answer is in doubt is not used again', async () => {
  const answers = [
    OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    OK.replace('\r\n\r\n', '\r\nConnection: Foo, Close\r\n\r\n'),
    OK.replace('1.1', '1.0'),
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    `${OK}more`,
  ];
  for (const answer of answers) {
    await using one = await openTo(answering(answer));
    assert.equal(await ask(await one.open()), '200 ok', answer);
    assert.equal(one.connections.take(), undefined, answer);
    await until(() => one.sockets[0]?.readableEnded === true || one.sockets[0]?.destroyed === true);
  }
});

test('an answer in HTTP/1.0 keeps its connection where it says so', async () => {
  await using one = await openTo(
    answering(OK.replace('1.1', '1.0').replace('\r\n\r\n', '\r\nConnection: Keep-Alive\r\n\r\n')),
  );
  const connection = await one.open();
  assert.equal(await ask(connection), '200 ok');
  assert.equal(one.connections.take(), connection);
});

test('a free connection on which something comes, or which ends, is not used again', async () => {
  for (const odd of [(socket: Socket) => socket.write(OK), (socket: Socket) => socket.end()]) {
    await using one = await openTo(answering(OK));
    const connection = await one.open();
    await ask(connection);
    odd(one.sockets[0] as Socket);
    await once(connection.socket, 'close');
    assert.equal(one.connections.take(), undefined);
  }
});

test('an answer that comes before the end of its request stands; its connection is free once all was sent', async () => {
  await using one = await openTo((socket) => void socket.once('data', () => socket.write(OK)));
  let up: Roundtrip | undefined;
  const connection = await one.open();
  const answer = await ask(connection, 'length', (made) => {
    up = made;
  });
  assert.equal(answer, '200 ok');
  assert.equal(one.connections.take(), undefined);
  up?.write(Buffer.from('x'), () => {});
  up?.end([]);
  assert.equal(one.connections.take(), connection);
});

test('a request whose answer came early may break without taking the answer with it', async () => {
  await using one = await openTo((socket) => void socket.once('data', () => socket.end(OK)));
  const connection = await one.open();
  const closed = once(connection.socket, 'close');
  const told: string[] = [];
  const note = (what: string) => () => void told.push(what);
  const taker = { data: note('data'), lull: note('lull'), end: note('end'), cut: note('cut') };
  const waiting = { interim: note('interim'), begin: () => taker, switched: note('switched'), broken: note('broken') };
  const up = connection.send({ method: 'POST', path: '/', headers: [], body: 'chunked' }, waiting);
  await closed;
  assert.deepEqual([told, up.over], [['data', 'end'], true]);
});

test('bodies are framed as their requests say, trailers included', async () => {
  let heard = '';
  await using one = await openTo((socket) => {
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (heard.endsWith('X: 1\r\n\r\n')) socket.write(OK);
    });
  });
  const connection = await one.open();
  const answer = await ask(connection, 'chunked', (up) => {
    up.write(Buffer.from('hello'), () => {});
    up.write(Buffer.alloc(16, 'x'), () => {});
    up.end([['X', '1']]);
  });
  assert.equal(answer, '200 ok');
  assert.equal(heard, `POST / HTTP/1.1\r\nhost: x\r\n\r\n5\r\nhello\r\n10\r\n${'x'.repeat(16)}\r\n0\r\nX: 1\r\n\r\n`);
});

test('what would end a line is never sent', async () => {
  await using one = await openTo(answering(OK));
  const connection = await one.open();
  const waiting = { interim() {}, begin: () => assert.fail(), switched() {}, broken() {} };
  for (const bad of ['a\r\nX: 1', 'a\n', '\0', 'ł']) {
    const request = { method: 'GET', path: '/', headers: ['X-A', bad], body: 'none' } as const;
    assert.throws(() => connection.send(request, waiting), /cannot be sent/);
    assert.throws(() => connection.send({ ...request, headers: [], path: `/${bad}` }, waiting), /cannot be sent/);
  }
  assert.equal(await ask(connection), '200 ok');
});

test('opening ends with the signal, and with the connections', async () => {
  await using one = await openTo(() => {});
  const aborted = one.connections.open('127.0.0.1', one.port, 1000, AbortSignal.abort());
  await assert.rejects(aborted);
  const opening = one.open();
  one.connections.close();
  await assert.rejects(opening);
  await assert.rejects(one.open());
});
