import type { Socket } from 'node:net';
import { toThawError } from '../platform/errors.ts';
import type { Exchange } from './exchange.ts';
import type { EdgeParts, Finished } from './parts.ts';

const SWITCHING_PROTOCOLS = 101;
/** Paths are told up to here. */
const LONGEST_PATH = 1024;
/** What is told of a request whose client left before there was an answer. */
const LEFT = { status: 499, code: 'cancelled' } as const;

/** Tells of each request when it is over. */
export class Ledger {
  readonly #parts: Pick<EdgeParts, 'finished' | 'now' | 'log'>;
  /** Bytes that were sent for earlier requests of a connection. */
  readonly #told = new WeakMap<Socket, number>();

  constructor(parts: Pick<EdgeParts, 'finished' | 'now' | 'log'>) {
    this.#parts = parts;
  }

  /** The edge itself has to answer. */
  failed(exchange: Exchange, error: unknown): void {
    exchange.code = toThawError(error).code;
    if (exchange.code !== 'cancelled') exchange.answered ??= this.#parts.now();
  }

  /** The request is over: its answer was sent, or broke off. */
  close(exchange: Exchange): void {
    const { finished, now, log } = this.#parts;
    if (finished === undefined) return;
    const { req, res, requestId, trace, began, route, reached, answered, code } = exchange;
    const switched = reached?.answer.status === SWITCHING_PROTOCOLS;
    const sent = switched ? SWITCHING_PROTOCOLS : res.headersSent ? res.statusCode : undefined;
    const url = req.url ?? '';
    const query = url.indexOf('?');
    const request: Finished = {
      route: reached?.route ?? route,
      requestId,
      traceId: trace.id,
      method: req.method ?? '',
      path: url.slice(0, Math.min(query < 0 ? url.length : query, LONGEST_PATH)),
      status: sent ?? LEFT.status,
      code: sent === undefined ? LEFT.code : code,
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
