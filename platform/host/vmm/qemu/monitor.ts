import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ThawError } from '../../../errors.ts';

/*
 * QEMU's monitor protocol (QMP), one JSON object a line:
 *
 *   QEMU -> {"QMP": {...}}                                  greeting
 *   us   -> {"execute": "qmp_capabilities", "id": 1}
 *   QEMU -> {"return": {}, "id": 1}  or  {"error": {"class", "desc"}, "id": 1}
 *   QEMU -> {"event": "MIGRATION", "data": {"status": "completed"}, "timestamp": {...}}
 *
 * Source: docs/interop/qmp-spec in QEMU. Commands are answered in order and may
 * be sent ahead of their answers.
 */

const message = z.object({
  id: z.number().exactOptional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).exactOptional(),
  event: z.string().exactOptional(),
  data: z.record(z.string(), z.unknown()).exactOptional(),
});

type Message = z.infer<typeof message>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  limit: NodeJS.Timeout;
}

/** How often a connection is tried while the VMM process starts. */
const RETRY_MS = 1;
/** Every command is answered at once, long work is told by events: a VMM that is silent for this long is stuck. */
const ANSWER_LIMIT_MS = 30_000;
/** QEMU's longest answer, the guest's console, takes at most six bytes for each of its 64 KiB. */
const MAX_LINE_LENGTH = 1024 * 1024;

/** A connection to one QEMU's monitor. */
export class Monitor implements AsyncDisposable {
  /** Resolves when the connection ends, which is when QEMU does. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #answers = new Map<number, Waiting>();
  readonly #events = new Set<(name: string, data: Record<string, unknown>) => void>();
  #nextId = 1;
  #partial = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        const gone = new ThawError('thaw_failed', 'The VMM ended before it answered.');
        for (const waiting of this.#answers.values()) {
          clearTimeout(waiting.limit);
          waiting.reject(gone);
        }
        this.#answers.clear();
        resolve();
      }),
    );
  }

  /**
   * Connects to the monitor's socket, which may not exist yet, and negotiates.
   *
   * @param gone resolves when the VMM process has ended: waiting longer is useless
   */
  static async open(path: string, gone: Promise<unknown>, signal?: AbortSignal): Promise<Monitor> {
    let over = false;
    const end = gone.then(() => {
      over = true;
    });
    for (;;) {
      signal?.throwIfAborted();
      const socket = await tryConnect(path);
      if (socket !== undefined) {
        const monitor = new Monitor(socket);
        await monitor.#negotiate(signal);
        return monitor;
      }
      if (over) throw new ThawError('thaw_failed', 'The VMM ended before its monitor answered.');
      await Promise.race([sleep(RETRY_MS), end]);
    }
  }

  /** Sends one command. @throws ThawError `thaw_failed` with QEMU's own words when it refuses */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new ThawError('thaw_failed', 'The VMM has ended.'));
      const fail = (cause: Error) =>
        reject(new ThawError('thaw_failed', `The VMM did not carry out ${command}.`, { cause }));
      const limit = setTimeout(() => {
        this.#answers.delete(id);
        fail(new Error(`no answer within ${ANSWER_LIMIT_MS / 1000} s`));
      }, ANSWER_LIMIT_MS);
      this.#answers.set(id, { resolve, reject: fail, limit });
    });
    this.#socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\n`);
    return answer;
  }

  /** Listens to events until the returned function is called. */
  onEvent(listener: (name: string, data: Record<string, unknown>) => void): () => void {
    this.#events.add(listener);
    return () => this.#events.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  async #negotiate(signal?: AbortSignal): Promise<void> {
    const giveUp = () => this.#socket.destroy();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await this.execute('qmp_capabilities');
    } catch (error) {
      this.#socket.destroy();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** A VMM that a guest has taken over may say anything: what is no message ends the connection, and with it the VM. */
  #read(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    try {
      if (this.#partial.length > MAX_LINE_LENGTH) throw new SyntaxError('an endless line');
      for (const line of lines) if (line.trim() !== '') this.#take(message.parse(JSON.parse(line)));
    } catch {
      this.#socket.destroy();
    }
  }

  #take(message: Message): void {
    if (message.event !== undefined) {
      for (const listener of this.#events) listener(message.event, message.data ?? {});
      return;
    }
    if (message.id === undefined) return; // the greeting
    const waiting = this.#answers.get(message.id);
    this.#answers.delete(message.id);
    clearTimeout(waiting?.limit);
    if (message.error) waiting?.reject(new Error(`${message.error.class}: ${message.error.desc}`));
    else waiting?.resolve(message.return);
  }
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}
