import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** One process's connection to the agent, seen from the agent. */
export interface Subscriber {
  /** Sends a `thaw` line and gives back the answer. */
  thaw(): Promise<string>;
  /** The next line that it sends. */
  line(): Promise<string>;
  /** Resolves when the process has hung up. */
  gone: Promise<unknown>;
}

/** The guest's agent as runtimes know it: a unix socket. */
export interface FakeAgent extends AsyncDisposable {
  /** The next process that connects. */
  subscriber(): Promise<Subscriber>;
  /** Connections that are open. */
  open(): number;
}

const ENTROPY = 'a1'.repeat(32);

export async function fakeAgent(path: string): Promise<FakeAgent> {
  const sockets = new Set<Socket>();
  const arrived: Subscriber[] = [];
  const waiting: ((subscriber: Subscriber) => void)[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const gone = once(socket, 'close').then(() => sockets.delete(socket));
    const lines = createInterface({ input: socket });
    const subscriber: Subscriber = {
      gone,
      async line() {
        const [line] = await once(lines, 'line');
        return line as string;
      },
      async thaw() {
        const answer = once(lines, 'line');
        socket.write(`thaw ${ENTROPY}\n`);
        const [line] = await Promise.race([answer, gone.then(() => ['hung up'])]);
        return line as string;
      },
    };
    const next = waiting.shift();
    if (next) next(subscriber);
    else arrived.push(subscriber);
  }).listen(path);
  await once(server, 'listening');
  return {
    async subscriber() {
      return arrived.shift() ?? new Promise((resolve) => waiting.push(resolve));
    },
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
