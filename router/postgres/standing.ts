import { randomFillSync } from 'node:crypto';
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

/** BackendKeyData: the number of the server process, then a secret. */
interface CancelKey {
  /** As the server knows it. */
  own: Buffer;
  /** As the client knows it. */
  shown: Buffer;
}

const PROCESS_BYTES = 4;

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
  /** What cancels what it does; undefined until the server has told it. */
  key: CancelKey | undefined;

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
      (type, body, place) => this.#answered(type, body, place),
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

  /** The server answers this. The key in it is changed before the client sees it. */
  answered(chunk: Buffer): void {
    this.#fromServer.push(chunk);
  }

  #sent(type: number): void {
    if (type === COPY_DONE || type === COPY_FAIL) this.#copying = false;
    else if (type === QUERY || type === CALL || (type === SYNC && !this.#copying)) this.#owed.push(type);
  }

  #answered(type: number, body: Buffer, place: Buffer | undefined): void {
    if (type === READY) {
      this.#copying = false;
      this.#owed.shift();
      this.#idle = body[0] === IDLE;
    } else if (type === COPY_IN) {
      this.#copying = true;
      if (this.#owed[0] === SYNC) this.#owed = [];
    } else if (type === KEY) this.key ??= newKey(body, place);
    else if (body.equals(LISTEN)) this.listening = true;
    else if (body.equals(UNLISTEN)) this.listening = false;
  }
}

/**
 * The client gets a secret of the edge's own: servers that were one before they were copied give out the same ones, and who
 * cancels says nothing but the key.
 */
function newKey(body: Buffer, place: Buffer | undefined): CancelKey | undefined {
  if (body.length <= PROCESS_BYTES) return undefined;
  const own = Buffer.from(body);
  if (place !== undefined) randomFillSync(place, PROCESS_BYTES);
  return { own, shown: Buffer.from(place ?? body) };
}
