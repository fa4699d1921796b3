import type { Socket } from 'node:net';
import type { AnswerHead } from './answer.ts';
import { AnswerParser } from './parser.ts';
import { type BodyFraming, Roundtrip, type Waiting } from './roundtrip.ts';

const SWITCHING_PROTOCOLS = 101;

/** Who keeps a connection while nothing is under way on it. */
export interface Keeper {
  /** It is free, and may be used again for `keepMs`; undefined = as long as it is open. */
  free(connection: Connection, keepMs: number | undefined): void;
  /** It is closed, or another protocol's. */
  lost(connection: Connection): void;
}

/** A request as it is sent. */
export interface Outgoing {
  method: string;
  path: string;
  /** Flat list of names and values; says how the body is framed. */
  headers: readonly string[];
  body: BodyFraming;
}

/** A connection to an instance: one request at a time, each answered before the next. */
export class Connection {
  readonly socket: Socket;
  readonly #keeper: Keeper;
  readonly #parser: AnswerParser;
  /** What is under way on it. */
  #roundtrip: Roundtrip | undefined;
  /** It may be used again after this answer. */
  #keep = false;
  #keepMs: number | undefined;
  /** The head of an answer that switches protocols. */
  #switching: AnswerHead | undefined;
  #error: Error | undefined;
  /** A request was answered on it. */
  used = false;

  /** @param socket connected */
  constructor(socket: Socket, keeper: Keeper) {
    this.socket = socket;
    this.#keeper = keeper;
    this.#parser = new AnswerParser({
      interim: (head) => this.#roundtrip?.waiting.interim(head),
      head: (head) => this.#begin(head),
      data: (piece) => this.#roundtrip?.taker?.data(piece),
    });
    socket.on('data', this.#read);
    socket.on('end', this.#end);
    socket.on('error', this.#fail);
    socket.on('close', this.#close);
  }

  /**
   * Sends a request; its body, if it has one, is to follow by the roundtrip.
   *
   * @throws Error for what cannot be the head of a request; nothing is sent then
   */
  send(request: Outgoing, waiting: Waiting): Roundtrip {
    const { socket } = this;
    const head = headOf(request);
    const roundtrip = new Roundtrip(this, waiting, request.body);
    this.#roundtrip = roundtrip;
    this.#parser.expect(request.method === 'HEAD');
    if (request.body !== 'none') {
      // A body's first piece goes with the head where it is at hand; it is read a tick later.
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    socket.write(head, 'latin1');
    return roundtrip;
  }

  /** For the roundtrip: it is over. */
  over(): void {
    this.#roundtrip = undefined;
    this.used = true;
    if (!this.#keep) {
      this.socket.destroySoon();
      return;
    }
    // Whoever took the answer may have held it up at its very end.
    if (this.socket.isPaused()) this.socket.resume();
    this.#keeper.free(this, this.#keepMs);
  }

  /** Closes it, whatever is under way. */
  destroy(): void {
    this.socket.destroy();
  }

  readonly #read = (bytes: Buffer) => {
    const roundtrip = this.#roundtrip;
    // Bytes that nobody asked for must not become the answer to the next request.
    if (roundtrip === undefined || this.#parser.done) {
      this.#keep = false;
      this.socket.destroy();
      return;
    }
    let rest: Buffer;
    try {
      rest = this.#parser.feed(bytes);
    } catch (error) {
      this.socket.destroy(error as Error);
      return;
    }
    if (this.#switching !== undefined) this.#switch(this.#switching, rest);
    else if (this.#parser.done) this.#finish(roundtrip, rest.length > 0);
    else roundtrip.taker?.lull();
  };

  readonly #end = () => {
    if (this.#roundtrip !== undefined && this.#parser.ended()) this.#finish(this.#roundtrip, true);
    else this.socket.destroy();
  };

  readonly #fail = (error: Error) => {
    this.#error = error;
  };

  readonly #close = () => {
    const roundtrip = this.#roundtrip;
    this.#roundtrip = undefined;
    this.#keeper.lost(this);
    roundtrip?.lost(this.#error ?? new Error('The connection was closed.'));
  };

  #begin(head: AnswerHead): void {
    const roundtrip = this.#roundtrip;
    if (roundtrip === undefined) return;
    if (head.status === SWITCHING_PROTOCOLS) {
      this.#switching = head;
      return;
    }
    this.#keep = head.keepAlive;
    this.#keepMs = head.keepAliveMs;
    roundtrip.taker = roundtrip.waiting.begin(head);
  }

  #finish(roundtrip: Roundtrip, spent: boolean): void {
    if (spent) this.#keep = false;
    const { taker } = roundtrip;
    const { trailers } = this.#parser;
    roundtrip.answered();
    taker?.end(trailers);
  }

  /** Hands the socket on as it is. */
  #switch(head: AnswerHead, first: Buffer): void {
    const { socket } = this;
    const roundtrip = this.#roundtrip;
    this.#roundtrip = undefined;
    roundtrip?.leave();
    socket.off('data', this.#read);
    socket.off('end', this.#end);
    socket.off('error', this.#fail);
    socket.off('close', this.#close);
    socket.on('error', () => {}); // Its 'close' follows.
    this.#keeper.lost(this);
    roundtrip?.waiting.switched(head, socket, first);
  }
}

/** All but control characters, which could end a line. */
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

function headOf({ method, path, headers }: Outgoing): string {
  let text = `${method} ${path} HTTP/1.1\r\n`;
  if (!SENDABLE.test(path)) throw new Error('The path cannot be sent.');
  for (let at = 0; at < headers.length; at += 2) {
    const value = headers[at + 1] as string;
    if (!SENDABLE.test(value)) throw new Error(`The header ${headers[at]} cannot be sent.`);
    text += `${headers[at]}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}
