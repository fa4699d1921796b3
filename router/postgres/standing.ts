import { Messages } from './messages.ts';

const CODE = (letter: string) => letter.charCodeAt(0);
const READY = CODE('Z');
const KEY = CODE('K');
const COMPLETE = CODE('C');
const COPY_IN = CODE('G');
const IDLE = CODE('I');
const QUERY = CODE('Q');
const SYNC = CODE('S');
const CALL = CODE('F');
const COPY_DONE = CODE('c');
const COPY_FAIL = CODE('f');
const LISTEN = Buffer.from('LISTEN\0');
const UNLISTEN = Buffer.from('UNLISTEN\0');

/**
 * Where a session stands, by the headers of what went through it. It rests when nothing was asked that was not
 * answered, and no transaction is open.
 *
 * Each Query, Sync and FunctionCall is answered by one ReadyForQuery; but a server that takes a copy ignores the Sync
 * that came with the command (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY).
 */
export class Standing {
  readonly #fromClient: Messages;
  readonly #fromServer: Messages;
  /** Answers that are owed, oldest first; the first of a session is that to its startup packet. */
  #owed: number[] = [QUERY];
  #copying = false;
  #idle = false;
  /** It wants to hear notifications. */
  listening = false;
  /** The key to cancel what it does; undefined until the server has told it. */
  key: Buffer | undefined;

  constructor() {
    this.#fromClient = new Messages(
      () => false,
      (type) => this.#sent(type),
    );
    this.#fromServer = new Messages(
      (type, length) =>
        type === READY ||
        type === KEY ||
        (type === COMPLETE && (length === LISTEN.length || length === UNLISTEN.length)),
      (type, body) => this.#answered(type, body),
    );
  }

  get rests(): boolean {
    return this.#idle && this.#owed.length === 0 && this.#fromClient.between && this.#fromServer.between;
  }

  /** The client sends this. @returns false when it is no Postgres protocol */
  sent(chunk: Buffer): boolean {
    this.#fromClient.push(chunk);
    return !this.#fromClient.broken;
  }

  /** The server answers this. */
  answered(chunk: Buffer): void {
    this.#fromServer.push(chunk);
  }

  #sent(type: number): void {
    if (type === COPY_DONE || type === COPY_FAIL) this.#copying = false;
    else if (type === QUERY || type === CALL || (type === SYNC && !this.#copying)) this.#owed.push(type);
  }

  #answered(type: number, body: Buffer): void {
    if (type === READY) {
      this.#copying = false;
      this.#owed.shift();
      this.#idle = body[0] === IDLE;
    } else if (type === COPY_IN) {
      this.#copying = true;
      if (this.#owed[0] === SYNC) this.#owed = [];
    } else if (type === KEY) this.key ??= body.length === 0 ? undefined : Buffer.from(body);
    else if (body.equals(LISTEN)) this.listening = true;
    else if (body.equals(UNLISTEN)) this.listening = false;
  }
}
