import { parse } from 'smol-toml';

export type Path = readonly PropertyKey[];

/** Tells the line, from 1, on which a value stands; for one that is not there, the line of what it would be in. */
export type LineOf = (path: Path) => number;

/**
 * Finds the line of every key and value of a TOML document, which the parser does not tell.
 *
 * @param text a document that the parser has taken: nothing is checked here
 */
export function findLines(text: string): LineOf {
  const lines = new Scanner(text).scan();
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const line = lines.get(keyOf(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

/** What may stand between two things; line ends too where they mean nothing. */
const BLANK = /[ \t]*/y;
const BLANK_LINES = /(?:[ \t\r\n,]|#[^\n]*)*/y;
const BARE_KEY = /[A-Za-z0-9_-]+/y;
const TEXT = /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'/y;
/** Numbers, dates and words. */
const OTHER = /[^,\]}#\r\n]+/y;

class Scanner {
  readonly #text: string;
  readonly #lines = new Map<string, number>();
  /** Length of each list of tables. */
  readonly #lists = new Map<string, number>();
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** Lines by path. */
  scan(): Map<string, number> {
    let table: Path = [];
    for (this.#take(BLANK_LINES); this.#at < this.#text.length; this.#take(BLANK_LINES)) {
      if (this.#text[this.#at] === '[') table = this.#header();
      else this.#pair(table);
    }
    return this.#lines;
  }

  /** `[a.b]` or `[[a.b]]`. */
  #header(): Path {
    const isList = this.#text.startsWith('[[', this.#at);
    this.#at += isList ? 2 : 1;
    const keys = this.#keys();
    this.#at += isList ? 2 : 1;
    let path: Path = [];
    for (const [at, key] of keys.entries()) {
      path = [...path, key];
      const isLast = at === keys.length - 1;
      if (isLast && isList) this.#lists.set(keyOf(path), (this.#lists.get(keyOf(path)) ?? 0) + 1);
      this.#stands(path);
      const length = this.#lists.get(keyOf(path));
      // A list of tables stands for its last one.
      if (length !== undefined) path = [...path, length - 1];
    }
    this.#stands(path);
    return path;
  }

  /** `a.b = value`. */
  #pair(table: Path): void {
    let path = table;
    for (const key of this.#keys()) {
      path = [...path, key];
      this.#stands(path);
    }
    this.#at += 1; // =
    this.#take(BLANK);
    this.#value(path);
  }

  #keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#take(BLANK);
      const bare = this.#take(BARE_KEY);
      keys.push(bare === '' ? unquoted(this.#take(TEXT)) : bare);
      this.#take(BLANK);
      if (this.#text[this.#at] !== '.') return keys;
      this.#at += 1;
    }
  }

  #value(path: Path): void {
    this.#stands(path);
    const first = this.#text[this.#at];
    if (first === '[' || first === '{') {
      this.#at += 1;
      this.#take(BLANK_LINES);
      for (let index = 0; this.#at < this.#text.length && !']}'.includes(this.#text[this.#at] ?? ''); index += 1) {
        if (first === '[') this.#value([...path, index]);
        else this.#pair(path);
        this.#take(BLANK_LINES);
      }
      this.#at += 1;
    } else if (this.#take(TEXT) === '') this.#take(OTHER);
  }

  #stands(path: Path): void {
    const key = keyOf(path);
    if (!this.#lines.has(key)) this.#lines.set(key, this.#line);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    for (const character of found) if (character === '\n') this.#line += 1;
    return found;
  }
}

/** A quoted key as the parser reads it. */
function unquoted(key: string): string {
  return Object.keys(parse(`${key} = 0`))[0] ?? key;
}
