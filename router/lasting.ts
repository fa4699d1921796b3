import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBE_AFTER_MS } from './wire/connections.ts';
import type { Roundtrip } from './wire/roundtrip.ts';

/*
 * Connections that stay open for as long as they like, and outlive the sleep of
 * their instance:
 *
 *   client ═══ edge ═══ instance      awake: bytes both ways
 *   client ═|═ edge ─ ─ instance      asleep: what a client sends is held back and wakes the instance
 *
 * The edge's side of a sleeping connection must stay silent: a frozen VM
 * acknowledges nothing, and the kernel gives a connection up that is not
 * acknowledged. So while it sleeps nothing is sent to it, not even the end of
 * the connection or a question whether it is still there.
 */

/** Once one side has closed, the other may take this long to read what is left. */
const CLOSING_MS = 10_000;

export interface Lasting {
  /** Bytes are under way that one side does not take yet. */
  readonly owed: boolean;
  /** The instance goes to sleep: from now on nothing is sent to it. */
  hold(): void;
  /** It is awake: what was held back is sent. */
  go(): void;
  /** Closes both sides. */
  destroy(): void;
}

/** What a lasting connection tells its instance's lease. */
export interface Watcher {
  /** Bytes moved, one way or the other. */
  moved(): void;
  /** A client sent something while the instance sleeps. */
  stir(): void;
}

/** An answer that goes on: an event stream. Nothing comes from its client but its end. */
export class EventStream implements Lasting {
  readonly #up: Roundtrip;
  readonly #res: ServerResponse;
  #held = false;
  #left = false;

  constructor(up: Roundtrip, res: ServerResponse) {
    this.#up = up;
    this.#res = res;
  }

  get owed(): boolean {
    return this.#res.writableNeedDrain;
  }

  hold(): void {
    this.#held = true;
    this.#up.probeAfter(undefined);
  }

  go(): void {
    this.#held = false;
    if (this.#left) this.#up.destroy();
    else this.#up.probeAfter(PROBE_AFTER_MS);
  }

  /** The client has left: the instance is told, as soon as it can hear it. */
  leave(): void {
    this.#left = true;
    if (!this.#held) this.#up.destroy();
  }

  destroy(): void {
    this.#up.destroy();
  }
}

/** Two connections joined byte by byte: what comes from one goes to the other, no faster than that takes it. */
export class Joint implements Lasting {
  readonly #client: Socket;
  readonly #instance: Socket;
  readonly #watcher: Watcher;
  #held = false;
  /** What the client sent while the instance slept: a piece, for then it is not read any more. */
  #kept: Buffer[] = [];
  /** What the client did meanwhile that the instance is to be told. */
  #ended = false;
  #closed = false;

  /** @param first what each side sent already */
  constructor(client: Socket, instance: Socket, watcher: Watcher, first: { client: Buffer; instance: Buffer }) {
    this.#client = client;
    this.#instance = instance;
    this.#watcher = watcher;
    for (const side of [client, instance]) {
      side.setNoDelay(true);
      side.setTimeout(0);
      side.setKeepAlive(true, PROBE_AFTER_MS);
      side.on('error', () => {}); // Its 'close' follows.
    }
    if (first.instance.length > 0) client.write(first.instance);
    if (first.client.length > 0) instance.write(first.client);
    instance.on('data', (chunk: Buffer) => {
      watcher.moved();
      if (!client.write(chunk)) instance.pause();
    });
    client.on('drain', () => instance.resume());
    instance.once('end', () => client.end());
    instance.once('close', () => finish(client));
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    instance.on('drain', () => this.#read());
    client.once('end', () => this.#end());
    client.once('close', () => this.#close());
  }

  get owed(): boolean {
    return this.#instance.writableLength > 0 || this.#client.writableNeedDrain;
  }

  hold(): void {
    this.#held = true;
    this.#instance.setKeepAlive(false);
  }

  go(): void {
    this.#held = false;
    this.#instance.setKeepAlive(true, PROBE_AFTER_MS);
    for (const chunk of this.#kept.splice(0)) this.#instance.write(chunk);
    this.#read();
    if (this.#ended) this.#end();
    if (this.#closed) this.#close();
  }

  destroy(): void {
    this.#client.destroy();
    this.#instance.destroy();
  }

  #fromClient(chunk: Buffer): void {
    if (this.#held) {
      this.#kept.push(chunk);
      this.#client.pause();
      this.#watcher.stir();
      return;
    }
    this.#watcher.moved();
    if (!this.#instance.write(chunk)) this.#client.pause();
  }

  #read(): void {
    if (!this.#held && !this.#instance.writableNeedDrain) this.#client.resume();
  }

  #end(): void {
    if (this.#held) this.#ended = true;
    else this.#instance.end();
  }

  #close(): void {
    if (this.#held) this.#closed = true;
    else finish(this.#instance);
  }
}

/** Closes a connection whose other side has closed, after what is still to be sent. */
function finish(socket: Socket): void {
  if (socket.destroyed) return;
  socket.setTimeout(CLOSING_MS, () => socket.destroy());
  socket.destroySoon();
}
