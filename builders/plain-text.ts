import { stripVTControlCharacters } from 'node:util';

/** Characters kept of one line of foreign output. */
const LONGEST_LINE = 1000;

/**
 * C0 and C1 controls but the tab, and what changes the direction of text or is invisible: a terminal or a reader could be
 * deceived with them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A line of text from code, git or a build as it may be shown in a terminal: no escape sequences, no control
 * characters, at most 1000 characters.
 */
export function plainLine(text: string): string {
  const cut = text.length > LONGEST_LINE * 4 ? text.slice(0, LONGEST_LINE * 4) : text;
  const plain = stripVTControlCharacters(cut).replace(UNSAFE, '').trimEnd();
  return plain.length > LONGEST_LINE ? `${plain.slice(0, LONGEST_LINE)}...` : plain;
}

/** Splits a stream of bytes into plain lines. */
export class LineSplitter {
  #rest = '';
  readonly #decoder = new TextDecoder();
  readonly #take: (line: string) => void;

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    // Something without line ends must not grow in memory.
    if (this.#rest.length > LONGEST_LINE * 4) this.#rest = this.#rest.slice(0, LONGEST_LINE * 4);
    for (const line of lines) this.#take(line);
  }

  end(): void {
    const last = this.#rest + this.#decoder.decode();
    this.#rest = '';
    if (last !== '') this.#take(last);
  }
}
