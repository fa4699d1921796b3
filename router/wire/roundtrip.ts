import type { Socket } from 'node:net';
import type { AnswerHead } from './answer.ts';

/** How a request's body is told from what follows it; `none` = it has none. */
export type BodyFraming = 'none' | 'length' | 'chunked';

/** Waits for an answer. One of `begin`, `switched` and `broken` is called, once. */
export interface Waiting {
  /** An interim answer came (100, 102, 103). */
  interim(head: AnswerHead): void;
  /** The answer has begun. @returns who takes the rest of it */
  begin(head: AnswerHead): Taker;
  /** The connection speaks another protocol from now on. @param first what came with the head */
  switched(head: AnswerHead, socket: Socket, first: Buffer): void;
  /** There is no answer: the connection broke, was destroyed, or what came is no HTTP. */
  broken(cause: unknown): void;
}

/** Takes the body of an answer. */
export interface Taker {
  data(piece: Buffer): void;
  /** All that came at once has been told; there is more to come. */
  lull(): void;
  /** @param trailers flat list of names and values */
  end(trailers: string[]): void;
  /** The connection broke, or was destroyed, before the end. */
  cut(): void;
}

/** The connection under a roundtrip, as long as that is not over. */
export interface Carriage {
  readonly socket: Socket;
  /** Both the request and its answer are over. */
  over(): void;
}

/** One request and its answer on a connection. When both are over, nothing that is asked of it does anything. */
export class Roundtrip {
  readonly waiting: Waiting;
  /** Set as the answer begins. */
  taker: Taker | undefined;
  #carriage: Carriage | undefined;
  readonly #framing: BodyFraming;
  /** The request's last byte was handed to the system. */
  #sent: boolean;
  /** The answer's last byte came. */
  #answered = false;

  constructor(carriage: Carriage, waiting: Waiting, framing: BodyFraming) {
    this.#carriage = carriage;
    this.waiting = waiting;
    this.#framing = framing;
    this.#sent = framing === 'none';
  }

  /** Both the request and its answer are over, or the connection is gone. */
  get over(): boolean {
    return this.#carriage === undefined;
  }

  /** The whole request was sent. */
  get sent(): boolean {
    return this.#sent;
  }

  /** The instance takes no more of the body for now. */
  get owed(): boolean {
    return this.#carriage?.socket.writableNeedDrain === true;
  }

  /** Sends a piece of the body. @returns false when no more is to be sent until `drained` is called */
  write(piece: Buffer, drained: () => void): boolean {
    const socket = this.#carriage?.socket;
    // A chunk without a byte would be the last.
    if (socket === undefined || piece.length === 0) return true;
    let more: boolean;
    if (this.#framing === 'chunked') {
      socket.cork();
      socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
      socket.write(piece);
      more = socket.write('\r\n', 'latin1');
      process.nextTick(uncork, socket);
    } else {
      more = socket.write(piece);
    }
    if (!more) socket.once('drain', drained);
    return more;
  }

  /** The body is over. */
  end(trailers: [string, string][]): void {
    const socket = this.#carriage?.socket;
    if (socket === undefined) return;
    if (this.#framing === 'chunked') {
      socket.write(`0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1');
    }
    this.#sent = true;
    this.#settle();
  }

  /** Stops reading the answer. */
  pause(): void {
    this.#carriage?.socket.pause();
  }

  /** Goes on reading it. */
  resume(): void {
    this.#carriage?.socket.resume();
  }

  /** After how long a silence the kernel asks whether the instance is still there; undefined = never. */
  probeAfter(ms: number | undefined): void {
    this.#carriage?.socket.setKeepAlive(ms !== undefined, ms);
  }

  /** Breaks it off, unless it is over. */
  destroy(): void {
    this.#carriage?.socket.destroy();
  }

  /** For the connection: the answer's last byte came. */
  answered(): void {
    this.#answered = true;
    this.#settle();
  }

  /** For the connection: it is gone. */
  lost(cause: unknown): void {
    this.leave();
    if (this.taker === undefined) this.waiting.broken(cause);
    // One that was answered early may have lost the rest of its request; the answer stands.
    else if (!this.#answered) this.taker.cut();
  }

  /** For the connection: it is another protocol's. */
  leave(): void {
    this.#carriage = undefined;
  }

  #settle(): void {
    if (!this.#sent || !this.#answered) return;
    const carriage = this.#carriage;
    this.#carriage = undefined;
    carriage?.over();
  }
}

function uncork(socket: Socket): void {
  socket.uncork();
}
