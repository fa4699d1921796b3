import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { ThawError, toThawError } from '../../platform/errors.ts';
import type { Log } from '../../platform/log.ts';
import type { Report } from '../contract.ts';
import { failureLines } from '../failure.ts';
import { plainLine } from '../plain-text.ts';
import type { HookAnswer } from './hook-protocol.ts';
import type { Push } from './push.ts';

/** Between connecting and the request. */
const REQUEST_LIMIT_MS = 10_000;

const objectName = z.string().regex(/^[0-9a-f]{40}$/);
const hookRequest = z.object({
  token: z.string(),
  hook: z.enum(['pre-receive', 'post-receive']),
  refs: z.array(z.object({ old: objectName, new: objectName, ref: z.string().max(1000) })).max(10_000),
  quarantine: z.string().optional(),
});

/** Hears git's hooks (hook-protocol.ts) and hands each to its push. */
export class HookListener implements AsyncDisposable {
  /** Absolute path of the socket. */
  readonly path: string;
  readonly #log: Log;
  readonly #server: Server;
  readonly #pushes = new Map<string, Push>();
  readonly #sockets = new Set<Socket>();

  private constructor(path: string, log: Log) {
    this.path = path;
    this.#log = log;
    this.#server = createServer((socket) => void this.#hear(socket));
  }

  /** @param path at most 107 bytes long */
  static async open(path: string, log: Log): Promise<HookListener> {
    await rm(path, { force: true });
    const listener = new HookListener(path, log);
    listener.#server.listen(path);
    await once(listener.#server, 'listening');
    await chmod(path, 0o600);
    return listener;
  }

  /** Hears the hooks of a push until what comes back is disposed. */
  expect(push: Push): Disposable {
    this.#pushes.set(push.token, push);
    return { [Symbol.dispose]: () => this.#pushes.delete(push.token) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #hear(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    const gone = new AbortController();
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      gone.abort(new ThawError('cancelled', 'The push was broken off.'));
    });
    const say = (answer: HookAnswer) => void socket.write(`${JSON.stringify(answer)}\n`);
    const report: Report = (line) => say({ line: plainLine(line) });
    try {
      await this.#answer(await firstLine(socket), report, gone.signal);
      say({ exit: 0 });
    } catch (caught) {
      const error = toThawError(caught);
      if (error.cause !== undefined) this.#log.warn({ err: error.cause, code: error.code }, 'push refused');
      for (const line of ['', ...failureLines(error)]) report(line);
      say({ exit: 1 });
    } finally {
      socket.end();
    }
  }

  async #answer(text: string, report: Report, signal: AbortSignal): Promise<void> {
    const { token, hook, refs, quarantine } = hookRequest.parse(JSON.parse(text));
    const push = this.#pushes.get(token);
    if (push === undefined) throw new ThawError('forbidden', 'The server knows nothing of this push.');
    if (hook === 'pre-receive') await push.preReceive(refs, quarantine, report, signal);
    else await push.postReceive(refs, report);
  }
}

async function firstLine(socket: Socket): Promise<string> {
  const lines = createInterface({ input: socket });
  try {
    const [line] = await once(lines, 'line', { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
    return line;
  } finally {
    lines.close();
    socket.resume(); // Its end has to be noticed.
  }
}
