interface Waiting {
  pieces: Uint8Array[];
  sent: Promise<void>;
}

/**
 * Sends pieces of input one after the other, in the order in which they were added. What is added while one is under way goes
 * together: who types fast waits for no answer.
 */
export class InputQueue {
  readonly #send: (bytes: Uint8Array, signal: AbortSignal | undefined) => Promise<void>;
  #waiting: Waiting | undefined;
  #last: Promise<void> = Promise.resolve();

  /** @param send resolves when the bytes have arrived */
  constructor(send: (bytes: Uint8Array, signal: AbortSignal | undefined) => Promise<void>) {
    this.#send = send;
  }

  /** Resolves when this piece has arrived. */
  add(piece: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting === undefined) {
      const pieces: Uint8Array[] = [];
      const sent = this.#last.then(() => {
        this.#waiting = undefined;
        return this.#send(joined(pieces), signal);
      });
      this.#waiting = { pieces, sent };
      this.#last = sent.catch(() => undefined);
    }
    this.#waiting.pieces.push(piece);
    return this.#waiting.sent;
  }

  /** Resolves when all that was added so far has arrived, or failed. */
  idle(): Promise<void> {
    return this.#last;
  }
}

function joined(pieces: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}
