import { HEADER_BYTES } from './protocol.ts';

/**
 * Told of each message: its type, and its body where `peek` asked for it. `place` is where the body lies in the piece that
 * was pushed, to be changed before it goes on; absent when a part of it has gone already.
 */
export type Told = (type: number, body: Buffer, place?: Buffer) => void;

/** No message of which the beginning is of interest is longer. */
const MOST_PEEKED = 16;
const NOTHING = Buffer.alloc(0);

/**
 * Finds the messages in one direction of a connection, however they are cut into pieces. It reads headers, and skips
 * bodies but for the few bytes that are asked for; it keeps at most one header and `MOST_PEEKED` bytes.
 */
export class Messages {
  readonly #peek: (type: number, length: number) => boolean;
  readonly #told: Told;
  /** Header bytes, then those peeked at, of the message that is being read. */
  readonly #kept = Buffer.alloc(HEADER_BYTES + MOST_PEEKED);
  #have = 0;
  /** Bytes of its body that are still to come and of no interest. */
  #skip = 0;
  /** The stream is no Postgres protocol: nothing more is told. */
  broken = false;

  /** @param peek whether the body of such a message is to be told; only those of at most 16 bytes are */
  constructor(peek: (type: number, length: number) => boolean, told: Told) {
    this.#peek = peek;
    this.#told = told;
  }

  /** True between two messages. */
  get between(): boolean {
    return this.#have === 0 && this.#skip === 0;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.broken) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      // The common case: a whole header in this piece.
      if (this.#have === 0 && chunk.length - at >= HEADER_BYTES) {
        const type = chunk[at] ?? 0;
        const length = chunk.readUInt32BE(at + 1) - 4;
        if (length < 0 || !this.#wanted(type, length)) {
          if (this.#begin(type, length)) at += HEADER_BYTES;
          continue;
        }
      }
      const need = this.#have < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + this.#length();
      const taken = Math.min(need - this.#have, chunk.length - at);
      chunk.copy(this.#kept, this.#have, at, at + taken);
      this.#have += taken;
      at += taken;
      if (this.#have < need) continue;
      const type = this.#kept[0] ?? 0;
      const length = this.#length();
      if (need === HEADER_BYTES && !this.#wanted(type, length)) {
        this.#have = 0;
        this.#begin(type, length);
      } else if (need > HEADER_BYTES || length === 0) {
        this.#have = 0;
        const place = at >= length ? chunk.subarray(at - length, at) : undefined;
        this.#told(type, this.#kept.subarray(HEADER_BYTES, need), place);
      }
    }
  }

  #length(): number {
    return this.#kept.readUInt32BE(1) - 4;
  }

  #wanted(type: number, length: number): boolean {
    return length >= 0 && length <= MOST_PEEKED && this.#peek(type, length);
  }

  /** A message of which only the header counts. */
  #begin(type: number, length: number): boolean {
    if (length < 0) {
      this.broken = true;
      return false;
    }
    this.#skip = length;
    this.#told(type, NOTHING);
    return true;
  }
}
