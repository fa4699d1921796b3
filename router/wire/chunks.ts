import { readField } from './answer.ts';

/*
 * A body in chunks (RFC 9112, section 7.1):
 *
 *   5;extension CRLF  hello CRLF  0 CRLF  Trailer: value CRLF  CRLF
 *   size, in hex      data        end     trailers
 */

const LINE_FEED = 10;
/** Longest line with a size; whoever needs extensions this long means no good. */
const MAX_SIZE_LINE = 1024;
/** Longest trailers altogether. */
const MAX_TRAILERS = 16 * 1024;
/** A size, exact as a number of JavaScript, and extensions: `;name`, `;name=value`, `;name="value"`. */
const SIZE_LINE =
  /^([\da-f]{1,13})(?:;[!#$%&'*+\-.^_`|~\da-z]+(?:=(?:[!#$%&'*+\-.^_`|~\da-z]+|"[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]*"))?)*$/i;

/** Reads one body in chunks, however it is cut into pieces on its way. */
export class ChunkReader {
  /** Flat list of names and values. */
  readonly trailers: string[] = [];
  /** What the next bytes are. */
  #next: 'size' | 'data' | 'data-end' | 'trailer' | 'nothing' = 'size';
  /** Of a chunk: bytes still to come. */
  #left = 0;
  /** The beginning of a line whose end has not come. */
  #line = '';
  #trailerBytes = 0;

  get done(): boolean {
    return this.#next === 'nothing';
  }

  /**
   * Takes what came.
   *
   * @param data told of each piece of the body
   * @returns how many bytes belong to the body: all, or those up to its end
   * @throws Error for what are no chunks
   */
  read(bytes: Buffer, data: (piece: Buffer) => void): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#next === 'data') {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#left === 0) this.#next = 'data-end';
        data(piece);
        continue;
      }
      const end = bytes.indexOf(LINE_FEED, at);
      const until = end < 0 ? bytes.length : end + 1;
      this.#line += bytes.toString('latin1', at, until);
      at = until;
      if (this.#line.length > (this.#next === 'trailer' ? MAX_TRAILERS : MAX_SIZE_LINE)) {
        throw new Error('A line between chunks is too long.');
      }
      if (end < 0) break;
      if (!this.#line.endsWith('\r\n')) throw new Error('A line between chunks does not end as it should.');
      const line = this.#line.slice(0, -2);
      this.#line = '';
      this.#take(line);
    }
    return at;
  }

  #take(line: string): void {
    if (this.#next === 'size') {
      const size = SIZE_LINE.exec(line)?.[1];
      if (size === undefined) throw new Error('A chunk has no size.');
      this.#left = Number.parseInt(size, 16);
      this.#next = this.#left === 0 ? 'trailer' : 'data';
    } else if (this.#next === 'data-end') {
      if (line !== '') throw new Error('A chunk is longer than it says.');
      this.#next = 'size';
    } else if (line === '') {
      this.#next = 'nothing';
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > MAX_TRAILERS) throw new Error('The trailers are too long.');
      readField(line, this.trailers);
    }
  }
}
