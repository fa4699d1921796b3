import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, toThawError } from '../platform/errors.ts';
import type { EdgeParts, Finished, Route } from './parts.ts';
import type { Reached } from './reach.ts';
import type { Trace } from './trace.ts';

/** Paths are told up to here. */
const LONGEST_PATH = 1024;
/** What is told of a request whose client left before there was an answer. */
const LEFT = { status: 499, code: 'cancelled' } as const;

/** What is noted of a request while it is under way. */
export interface Entry {
  readonly req: IncomingMessage;
  readonly requestId: string;
  readonly trace: Trace;
  /** When it came, on the edge's clock. */
  readonly began: number;
  route: Route | undefined;
  reached: Reached | undefined;
  /** When its answer began, on the edge's clock. */
  answered: number | undefined;
  code: ErrorCode | undefined;
}

/** Tells of each request when it is over. */
export class Ledger {
  readonly #parts: Pick<EdgeParts, 'finished' | 'now' | 'log'>;
  /** Bytes that were sent for earlier requests of a connection. */
  readonly #told = new WeakMap<Socket, number>();

  constructor(parts: Pick<EdgeParts, 'finished' | 'now' | 'log'>) {
    this.#parts = parts;
  }

  open(request: Pick<Entry, 'req' | 'requestId' | 'trace' | 'began'>): Entry {
    return { ...request, route: undefined, reached: undefined, answered: undefined, code: undefined };
  }

  /** An instance's answer has begun. */
  reached(entry: Entry, reached: Reached): void {
    entry.reached = reached;
    entry.answered = this.#parts.now();
  }

  /** The edge itself has to answer. */
  failed(entry: Entry, error: unknown): void {
    entry.code = toThawError(error).code;
    if (entry.code !== 'cancelled') entry.answered ??= this.#parts.now();
  }

  /** The request is over: its answer was sent, or broke off. */
  close(entry: Entry, res: ServerResponse): void {
    const { finished, now, log } = this.#parts;
    if (finished === undefined) return;
    const { req, requestId, trace, began, route, reached, answered } = entry;
    const switched = reached?.upgraded !== undefined;
    const sent = switched ? reached.answer.statusCode : res.headersSent ? res.statusCode : undefined;
    const url = req.url ?? '';
    const query = url.indexOf('?');
    const request: Finished = {
      route: reached?.route ?? route,
      requestId,
      traceId: trace.id,
      method: req.method ?? '',
      path: url.slice(0, Math.min(query < 0 ? url.length : query, LONGEST_PATH)),
      status: sent ?? LEFT.status,
      code: sent === undefined ? LEFT.code : entry.code,
      cut: !switched && !res.writableFinished,
      instance: reached?.lease.instance.id,
      start: reached?.lease.start,
      bytes: this.#bytes(req.socket),
      answeredMs: sent === undefined || answered === undefined ? undefined : answered - began,
      ms: now() - began,
    };
    try {
      finished(request);
    } catch (err) {
      log.error({ requestId, err }, 'a finished request could not be told of');
    }
  }

  /** Bytes that a connection sent since this was asked last. */
  #bytes(socket: Socket): number {
    const all = socket.bytesWritten;
    const before = this.#told.get(socket) ?? 0;
    this.#told.set(socket, all);
    return all - before;
  }
}
