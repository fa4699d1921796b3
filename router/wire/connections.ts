import { connect, type Socket } from 'node:net';
import { Connection } from './connection.ts';

/** Free connections kept; one that becomes free beyond that is closed. */
const MOST_FREE = 64;
/** A kept connection is not used in the last moment before the instance closes it. */
const MARGIN_MS = 1000;
/** Idle time after which the kernel asks whether the other side of a connection is still there. */
export const PROBE_AFTER_MS = 60_000;

/** All connections to one instance. */
export class Connections {
  readonly #now: () => number;
  readonly #all = new Set<Connection>();
  readonly #opening = new Set<Socket>();
  /** With the time until which it may be used; the one that was used last comes last, and is used first. */
  readonly #free: { connection: Connection; until: number }[] = [];
  #closed = false;

  /** @param now a clock that never goes back, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A free connection, when there is one that will do. */
  take(): Connection | undefined {
    for (let last = this.#free.pop(); last !== undefined; last = this.#free.pop()) {
      if (last.until > this.#now() && !last.connection.socket.destroyed) return last.connection;
      last.connection.destroy();
    }
    return undefined;
  }

  /** Opens a connection. Rejects with what the system says, and when it takes longer than `limitMs`. */
  open(host: string, port: number, limitMs: number, signal: AbortSignal): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS });
      this.#opening.add(socket);
      let cause: unknown = new Error('The connection was closed.');
      const giveUp = () => socket.destroy();
      const timer = setTimeout(() => {
        cause = new Error('The connection was not accepted in time.');
        giveUp();
      }, limitMs);
      const settled = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        this.#opening.delete(socket);
        socket.off('error', failed);
        socket.off('close', closed);
      };
      const failed = (error: Error) => {
        cause = error;
      };
      const closed = () => {
        settled();
        reject(cause);
      };
      socket.on('error', failed);
      socket.once('close', closed);
      socket.once('connect', () => {
        settled();
        const connection = new Connection(socket, this.#keeper);
        this.#all.add(connection);
        resolve(connection);
      });
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted || this.#closed) giveUp();
    });
  }

  /** Closes those on which nothing is under way. */
  closeFree(): void {
    for (const { connection } of this.#free.splice(0)) connection.destroy();
  }

  /** Closes all, for good. */
  close(): void {
    this.#closed = true;
    this.#free.length = 0;
    for (const connection of this.#all) connection.destroy();
    for (const socket of this.#opening) socket.destroy();
  }

  readonly #keeper = {
    free: (connection: Connection, keepMs: number | undefined) => {
      if (this.#closed || this.#free.length >= MOST_FREE) {
        connection.destroy();
        return;
      }
      const until = keepMs === undefined ? Number.POSITIVE_INFINITY : this.#now() + keepMs - MARGIN_MS;
      this.#free.push({ connection, until });
    },
    lost: (connection: Connection) => {
      this.#all.delete(connection);
      const at = this.#free.findIndex((one) => one.connection === connection);
      if (at >= 0) this.#free.splice(at, 1);
    },
  };
}
