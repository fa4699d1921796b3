import { stripVTControlCharacters, styleText } from 'node:util';

type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold';

/**
 * All that the CLI writes. Standard output holds results alone, so that it can
 * be piped; progress and failures go to standard error.
 */
export class Output {
  /** Results are JSON; set when the command line has been read. */
  json = false;
  readonly #noColor: boolean;

  constructor(options: { noColor: boolean }) {
    this.#noColor = options.noColor;
  }

  /** The result of a command: one JSON document, or text for people. Empty text prints nothing. */
  result(value: unknown, human: () => string): void {
    const text = this.json ? JSON.stringify(value, null, 2) : human();
    if (text !== '') process.stdout.write(`${text}\n`);
  }

  /** One of many results that come over time: a JSON document on one line, or a line for people. */
  item(value: unknown, human: () => string): void {
    process.stdout.write(`${this.json ? JSON.stringify(value) : human()}\n`);
  }

  /** What a command of the user's own wrote, as it is: to the same stream. */
  raw(bytes: Uint8Array, stream: 'stdout' | 'stderr'): void {
    process[stream].write(bytes);
  }

  /** What happens meanwhile. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Text of strangers: what could steer a terminal does not reach one. */
  foreign(text: string, stream: NodeJS.WriteStream = process.stdout): string {
    if (!stream.isTTY) return text;
    return stripVTControlCharacters(text).replace(/\p{Cc}/gu, (char) => ('\t\n'.includes(char) ? char : ''));
  }

  /** Colours text on standard output, when somebody is there to see it. */
  paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
    if (this.#noColor || !stream.isTTY) return text;
    return styleText(style, text, { validateStream: false });
  }

  /** What went wrong and what to do; as the result too where that is JSON. */
  failure(error: { code: string; message: string; hint: string | undefined }): void {
    const { code, message, hint } = error;
    if (this.json) this.item({ error: { code, message, ...(hint === undefined ? {} : { hint }) } }, () => '');
    const told = this.foreign(hint === undefined ? message : `${message}\n${hint}`, process.stderr);
    process.stderr.write(`${this.paint('red', 'Error:', process.stderr)} ${told}\n`);
  }
}

/**
 * Ends the process in silence when the reader of its results has gone, as
 * `| head` does: there is nobody left to tell. Progress that nobody reads does
 * not stop what is in progress.
 */
export function endWhenUnread(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`Error: the output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => undefined);
}
