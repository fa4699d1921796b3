import type { Socket } from 'node:net';
import { PROBE_AFTER_MS } from '../wire/connections.ts';
import { type Refusal, writeFatal } from './protocol.ts';
import { Standing } from './standing.ts';

/*
 * A session is a client's connection and the one to the database, joined byte by byte. It outlives the sleep of the
 * database:
 *
 *   client ═══ edge ═══ database      awake
 *   client ═|═ edge ─ ─ database      asleep: what the client sends is held back, and wakes it
 *
 * Nothing is sent to a database that sleeps: it acknowledges nothing, and the kernel would give the connection up.
 */

/** Once one side has closed, the other may take this long to read what is left. */
const CLOSING_MS = 10_000;

/** What a session tells its database. */
export interface Host {
  /** Bytes moved, one way or the other. */
  moved(): void;
  /** The client sent something while the database sleeps. */
  stir(): void;
  /** Both sides are closed, or nothing is owed to the database any more. */
  over(session: Session): void;
}

export class Session {
  readonly standing = new Standing();
  /** Through the pool. */
  readonly pooled: boolean;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #host: Host;
  #held = false;
  readonly #kept: Buffer[] = [];
  #ended = false;
  #closed = false;

  /** @param client a socket that is not flowing and waits for the answer to its startup packet */
  constructor(client: Socket, server: Socket, pooled: boolean, host: Host) {
    this.#client = client;
    this.#server = server;
    this.pooled = pooled;
    this.#host = host;
    for (const side of [client, server]) {
      side.setNoDelay(true);
      side.setTimeout(0);
      side.setKeepAlive(true, PROBE_AFTER_MS);
      side.on('error', () => {}); // Its 'close' follows.
    }
    server.on('data', (chunk: Buffer) => {
      host.moved();
      this.standing.answered(chunk);
      if (!client.write(chunk)) server.pause();
    });
    client.on('drain', () => server.resume());
    server.once('end', () => client.end());
    server.once('close', () => {
      finish(client);
      host.over(this);
    });
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    server.on('drain', () => this.#read());
    client.once('end', () => this.#end());
    client.once('close', () => this.#close());
    if (client.destroyed) this.#close();
    client.resume();
  }

  /** Nothing is under way: it may sleep. */
  get rests(): boolean {
    return this.standing.rests && this.#server.writableLength === 0 && !this.#client.writableNeedDrain;
  }

  /** The database goes to sleep: from now on nothing is sent to it. */
  hold(): void {
    this.#held = true;
    this.#server.setKeepAlive(false);
  }

  /** It is awake: what was held back is sent. */
  go(): void {
    this.#held = false;
    this.#server.setKeepAlive(true, PROBE_AFTER_MS);
    for (const chunk of this.#kept.splice(0)) this.#send(chunk);
    this.#read();
    if (this.#ended) this.#end();
    if (this.#closed) this.#close();
  }

  /** Ends it, telling the client why where it can be told: not in the middle of an answer. */
  cut(why: Refusal): void {
    this.#server.destroy();
    if (this.#client.destroyed) return;
    if (this.standing.rests) this.#client.write(writeFatal(why));
    finish(this.#client);
  }

  #fromClient(chunk: Buffer): void {
    if (!this.#held) {
      this.#host.moved();
      this.#send(chunk);
      return;
    }
    // A piece is enough to know that it is wanted; the rest waits in the kernel, and then with the client.
    this.#kept.push(chunk);
    this.#client.pause();
    this.#host.stir();
  }

  #send(chunk: Buffer): void {
    if (!this.standing.sent(chunk)) {
      this.cut({ sqlState: '08P01', message: 'The connection speaks no Postgres protocol.' });
      return;
    }
    if (!this.#server.write(chunk)) this.#client.pause();
  }

  #read(): void {
    if (!this.#held && !this.#server.writableNeedDrain) this.#client.resume();
  }

  #end(): void {
    if (this.#held) this.#ended = true;
    else this.#server.end();
  }

  #close(): void {
    if (this.#held) this.#closed = true;
    else finish(this.#server);
  }
}

/** Closes a connection whose other side has closed, after what is still to be sent. */
export function finish(socket: Socket): void {
  if (socket.destroyed) return;
  socket.setTimeout(CLOSING_MS, () => socket.destroy());
  socket.destroySoon();
}
