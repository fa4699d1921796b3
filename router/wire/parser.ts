import { type AnswerHead, type Framing, readHead } from './answer.ts';
import { ChunkReader } from './chunks.ts';

/** Longest head of an answer; as long as Node's own client takes. */
const MAX_HEAD_BYTES = 16 * 1024;
const END_OF_HEAD = '\r\n\r\n';
/** What every answer begins with. */
const BEGINNING = 'HTTP/1.';
const NOTHING: Buffer = Buffer.alloc(0);

const SWITCHING_PROTOCOLS = 101;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

/** Told of an answer: any number of interim heads, one head, the pieces of its body. */
export interface AnswerEvents {
  interim(head: AnswerHead): void;
  head(head: AnswerHead): void;
  data(piece: Buffer): void;
}

/**
 * Reads the answers of one connection, one for each `expect`.
 *
 * Node's parser is not to be had without Node's client, and that client takes
 * more processor time for a request than all the rest of the edge.
 */
export class AnswerParser {
  readonly #events: AnswerEvents;
  /** What the next bytes are. */
  #next: 'head' | Exclude<Framing, number> | 'length' | 'nothing' = 'nothing';
  #toHead = false;
  /** The beginning of a head whose end has not come. */
  #held = NOTHING;
  /** Of a body with a length: bytes still to come. */
  #left = 0;
  #chunks = new ChunkReader();

  constructor(events: AnswerEvents) {
    this.#events = events;
  }

  /** The next bytes are an answer. @param toHead to a HEAD request: it has no body, whatever it says */
  expect(toHead: boolean): void {
    this.#next = 'head';
    this.#toHead = toHead;
  }

  /** The answer is over. */
  get done(): boolean {
    return this.#next === 'nothing';
  }

  /** Flat list of names and values. */
  get trailers(): string[] {
    return this.#chunks.trailers;
  }

  /**
   * Takes what came.
   *
   * @returns what is past the end of the answer, which for one that switches protocols is its head
   * @throws Error for what is no HTTP
   */
  feed(bytes: Buffer): Buffer {
    let rest = bytes;
    while (this.#next === 'head' && rest.length > 0) rest = this.#feedHead(rest);
    if (rest.length === 0 || this.#next === 'nothing') return rest;
    if (this.#next === 'chunked') {
      const used = this.#chunks.read(rest, (piece) => this.#events.data(piece));
      if (this.#chunks.done) this.#next = 'nothing';
      return rest.subarray(used);
    }
    if (this.#next === 'open') {
      this.#events.data(rest);
      return NOTHING;
    }
    const piece = rest.length > this.#left ? rest.subarray(0, this.#left) : rest;
    this.#left -= piece.length;
    if (this.#left === 0) this.#next = 'nothing';
    this.#events.data(piece);
    return rest.length === piece.length ? NOTHING : rest.subarray(piece.length);
  }

  /** The other side sends no more. @returns true when that was the end of an answer */
  ended(): boolean {
    if (this.#next !== 'open') return false;
    this.#next = 'nothing';
    return true;
  }

  #feedHead(bytes: Buffer): Buffer {
    const looked = this.#held.length;
    const all = looked === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.indexOf(END_OF_HEAD, Math.max(0, looked - END_OF_HEAD.length), 'latin1');
    if ((end < 0 ? all.length : end) > MAX_HEAD_BYTES) throw new Error('The head of the answer is too long.');
    if (end < 0) {
      // Something else than HTTP is told apart at once, not when it has been silent for long.
      const beginning = all.toString('latin1', 0, BEGINNING.length);
      if (!BEGINNING.startsWith(beginning)) throw new Error('The answer is no HTTP/1.');
      if (/[^\r]\n/.test(all.toString('latin1', Math.max(0, looked - 1))))
        throw new Error('A line ends without a return.');
      this.#held = all;
      return NOTHING;
    }
    this.#held = NOTHING;
    this.#begin(readHead(all.toString('latin1', 0, end)));
    return all.subarray(end + END_OF_HEAD.length);
  }

  #begin(head: AnswerHead): void {
    const { status, framing, keepAlive } = head;
    if (status < 200 && status !== SWITCHING_PROTOCOLS) {
      if (!keepAlive) throw new Error('An interim answer ends the connection.');
      this.#events.interim(head);
      return;
    }
    if (this.#toHead || status < 200 || status === NO_CONTENT || status === NOT_MODIFIED || framing === 0) {
      this.#next = 'nothing';
    } else if (typeof framing === 'number') {
      this.#next = 'length';
      this.#left = framing;
    } else {
      this.#next = framing;
    }
    if (framing === 'chunked' || this.#chunks.trailers.length > 0) this.#chunks = new ChunkReader();
    this.#events.head(head);
  }
}
