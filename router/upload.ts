import type { Exchange } from './exchange.ts';
import { trailersOf } from './headers.ts';
import type { AnswerHead } from './wire/answer.ts';
import type { Roundtrip } from './wire/roundtrip.ts';

/** A client that waits for leave to send its body gets it after this time, also from an instance that never gives it. */
const CONTINUE_AFTER_MS = 1000;
/** The rest of a request that was answered early is read for this long. */
const LINGER_MS = 2000;

/** The body of a request on its way to an instance, as it comes. */
export class Upload {
  readonly #exchange: Exchange;
  readonly #up: Roundtrip;
  readonly #progress: () => void;
  /** Fires when a client that waits for leave has waited for long enough. */
  #patience: NodeJS.Timeout | undefined;

  /** @param progress called for each piece */
  constructor(exchange: Exchange, up: Roundtrip, progress: () => void) {
    this.#exchange = exchange;
    this.#up = up;
    this.#progress = progress;
    if (!exchange.expectsContinue) this.#start();
    else this.#patience = setTimeout(() => this.go(), CONTINUE_AFTER_MS);
  }

  /** The client may send it. */
  go(): void {
    if (this.#patience === undefined) return;
    this.stopWaiting();
    allowBody(this.#exchange);
    if (!this.#up.over) this.#start();
  }

  /** Nobody will give leave any more. */
  stopWaiting(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #start(): void {
    const { req } = this.#exchange;
    const up = this.#up;
    const resume = () => req.resume();
    req.on('data', (piece: Buffer) => {
      this.#progress();
      if (!up.write(piece, resume)) req.pause();
    });
    req.once('end', () => up.end(trailersOf(req.rawTrailers)));
  }
}

/** Passes an interim answer on; the one that gives leave to send the body is the edge's to give. */
export function passInterim({ req, res }: Exchange, head: AnswerHead, headers: string[]): void {
  if (res.headersSent || req.httpVersion !== '1.1') return;
  try {
    res.writeInformation(head.status, headers);
  } catch {
    // Not worth an answer's failure: the client can do without.
  }
}

/** Tells a client that waits for it to send its body. */
function allowBody(exchange: Exchange): void {
  if (!exchange.expectsContinue || exchange.res.headersSent) return;
  exchange.expectsContinue = false;
  exchange.res.writeContinue();
}

/**
 * Reads what still comes of an answered request, for a while: closing at once
 * would reset the connection, and that could take the answer with it.
 */
export function linger({ req }: Exchange): void {
  req.resume();
  const timer = setTimeout(() => req.socket.destroySoon(), LINGER_MS);
  const stop = () => clearTimeout(timer);
  req.once('end', stop);
  req.socket.once('close', stop);
}
