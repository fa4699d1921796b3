import type { Reached } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { bodyOf, toClient, toInstance, valueIn } from './headers.ts';
import { EventStream } from './lasting.ts';
import type { Lease } from './lease.ts';
import type { Route } from './parts.ts';
import type { Pool } from './pool.ts';
import { reach } from './reach.ts';
import { relay, type Teller } from './relay.ts';
import { linger, passInterim, Upload } from './upload.ts';
import type { AnswerHead } from './wire/answer.ts';
import type { Roundtrip } from './wire/roundtrip.ts';

/** Methods that mean the same sent twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

const CONTINUE = 100;

/** What the edge hands to each exchange. */
export interface Carrier extends Teller {
  pool: Pool;
  /** Where a request goes by now; undefined when that leads nowhere any more. */
  routeNow(exchange: Exchange): Route | undefined;
}

/**
 * Passes a request to an instance and its answer back, both as they come.
 *
 * @returns how it was reached, once the answer has begun
 * @throws ThawError as `reach` does, before anything of an answer was sent
 */
export function forward(carrier: Carrier, exchange: Exchange, route: Route): Promise<Reached> {
  const { req, res, requestId, trace } = exchange;
  let gone = false;
  let abort: AbortController | undefined;
  let up: Roundtrip | undefined;
  let lease: Lease | undefined;
  let upload: Upload | undefined;
  let stream: EventStream | undefined;
  res.once('close', () => {
    gone = true;
    abort?.abort();
    lease?.release();
    upload?.stopWaiting();
    if (stream === undefined) up?.destroy();
    else stream.leave();
    if (res.writableFinished && !req.complete) linger(exchange);
  });
  const body = bodyOf(req);
  return reach(carrier.pool, {
    route,
    routeNow: () => carrier.routeNow(exchange) ?? route,
    method: req.method ?? 'GET',
    path: req.url ?? '/',
    headers: toInstance(req, requestId, trace),
    body,
    repeatable: body === 'none' && IDEMPOTENT.has(req.method ?? ''),
    gone: () => gone,
    signal: () => {
      abort ??= new AbortController();
      if (gone) abort.abort();
      return abort.signal;
    },
    sending: (made) => {
      up = made;
    },
    sendBody: (made, progress) => {
      upload = new Upload(exchange, made, progress);
    },
    interim: (head) => {
      if (head.status === CONTINUE) upload?.go();
      else passInterim(exchange, head, toClient(head, false));
    },
    answered: (reached, made) => {
      upload?.stopWaiting();
      const taker = relay(carrier, exchange, reached, made);
      lease = reached.lease;
      if (isEventStream(reached.answer)) {
        stream = new EventStream(made, res);
        taker.moved = reached.lease.moved;
        reached.lease.last(stream);
      }
      return taker;
    },
  });
}

function isEventStream({ headers }: AnswerHead): boolean {
  return valueIn(headers, 'content-type')?.startsWith('text/event-stream') === true;
}
