import type { ClientRequest, IncomingMessage, InformationEvent, ServerResponse } from 'node:http';
import { ThawError } from '../platform/errors.ts';
import { promisedCookie } from './guard.ts';
import { hasBody, toClient, toInstance, trailersOf } from './headers.ts';
import { EventStream } from './lasting.ts';
import type { Lease } from './lease.ts';
import type { Route } from './parts.ts';
import type { Pool } from './pool.ts';
import { type Call, type Reached, reach } from './reach.ts';
import type { Trace } from './trace.ts';

/** A client that waits for leave to send its body gets it after this time, also from an instance that never gives it. */
const CONTINUE_AFTER_MS = 1000;
/** The rest of a request that was answered early is read for this long. */
const LINGER_MS = 2000;
/** Methods that mean the same sent twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** One request at the edge. */
export interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  route: Route;
  requestId: string;
  trace: Trace;
  /** The client waits for `100 Continue` before it sends the body; false once it was told to go on. */
  expectsContinue: boolean;
  /** When it came, on the edge's clock. */
  began: number;
}

/** What the edge hands to each exchange. */
export interface Carrier {
  pool: Pool;
  /** Where a request goes by now; where it went before when that leads nowhere any more. */
  routeNow(exchange: Pick<Exchange, 'req' | 'route'>): Route;
  now(): number;
  /** True once the edge is closing: connections are not kept. */
  closing(): boolean;
}

/**
 * Passes a request to an instance and its answer back, both as they come.
 *
 * @returns how it was reached, once the answer has begun
 * @throws ThawError as `reach` does, before anything of an answer was sent
 */
export async function forward(carrier: Carrier, exchange: Exchange): Promise<Reached> {
  const { req, res, route, requestId, trace } = exchange;
  let gone = false;
  let up: ClientRequest | undefined;
  let reached: Reached | undefined;
  let abort: AbortController | undefined;
  let stream: EventStream | undefined;
  res.once('close', () => {
    gone = true;
    abort?.abort();
    reached?.lease.release();
    if (up !== undefined && !(up.writableFinished && reached?.answer.complete)) {
      req.unpipe(up);
      if (stream === undefined) up.destroy();
      else stream.leave();
    }
    if (res.writableFinished && !req.complete) linger(req);
  });
  const body = hasBody(req);
  const call: Call = {
    route,
    routeNow: () => carrier.routeNow(exchange),
    method: req.method ?? 'GET',
    path: req.url ?? '/',
    headers: toInstance(req, requestId, trace),
    repeatable: !body && IDEMPOTENT.has(req.method ?? ''),
    upgrade: false,
    information: (info) => passInformation(exchange, info),
    gone: () => gone,
    signal: () => {
      abort ??= new AbortController();
      if (gone) abort.abort();
      return abort.signal;
    },
    sending: (made) => {
      up = made;
    },
    ...(body ? { sendBody: (made, progress) => sendBody(exchange, made, progress) } : {}),
  };
  reached = await reach(carrier.pool, call);
  if (gone) {
    reached.lease.release();
    up?.destroy();
  } else {
    relay(carrier, exchange, reached);
    if (isEventStream(reached.answer) && up !== undefined) {
      stream = new EventStream(up, reached.answer, res, reached.lease);
      reached.lease.last(stream);
    }
  }
  return reached;
}

function isEventStream({ headers }: IncomingMessage): boolean {
  return headers['content-type']?.startsWith('text/event-stream') === true;
}

/**
 * Sends an instance's answer to the client as it comes.
 *
 * @throws ThawError `app_crashed` for one that HTTP does not allow
 */
export function relay(carrier: Carrier, exchange: Exchange, { answer, lease }: Reached): void {
  const { req, res } = exchange;
  const headers = toClient(answer, req.httpVersion === '1.1' && req.method !== 'HEAD');
  headers.push(...edgeHeaders(carrier, exchange, lease));
  if (exchange.expectsContinue || carrier.closing()) res.shouldKeepAlive = false;
  try {
    res.writeHead(answer.statusCode ?? 0, answer.statusMessage ?? '', headers);
  } catch (cause) {
    answer.destroy();
    res.statusMessage = ''; // Node keeps the bad one, and would stumble over it again.
    throw new ThawError('app_crashed', `The code of ${exchange.route.app} sent an answer that is no HTTP.`, { cause });
  }
  // A small body comes with its head and leaves with it, in one packet; a head that comes alone leaves alone.
  let begun = false;
  answer.once('data', () => {
    begun = true;
  });
  setImmediate(() => {
    if (!begun && !res.writableEnded && !res.destroyed) res.flushHeaders();
  });
  answer.pipe(res, { end: false });
  answer.once('end', () => {
    try {
      res.addTrailers(trailersOf(answer));
      res.end();
    } catch {
      res.destroy();
    }
  });
  // Cut off on the one side, cut off on the other: the client must not take a part for the whole.
  answer.once('close', () => {
    if (!answer.complete) res.destroy();
  });
}

/** The headers that say what the edge did: the request's id, how the instance came to be there, where the time went. */
export function edgeHeaders(carrier: Carrier, { began, req, requestId }: Exchange, lease: Lease): string[] {
  const { thawMs, placed } = lease;
  const queueMs = Math.max(0, placed - began - thawMs);
  const appMs = carrier.now() - placed;
  const timing = `queue;dur=${queueMs.toFixed(1)}, thaw;dur=${thawMs.toFixed(1)}, app;dur=${appMs.toFixed(1)}`;
  const headers = ['x-request-id', requestId, 'x-thaw-start', lease.start, 'server-timing', timing];
  const cookie = promisedCookie(req);
  return cookie === undefined ? headers : [...headers, 'set-cookie', cookie];
}

/** Sends the body as it comes, once the client may send it. */
function sendBody(exchange: Exchange, up: ClientRequest, progress: () => void): void {
  const { req } = exchange;
  const start = () => {
    if (up.destroyed || req.readableFlowing) return;
    // Without a first piece at hand the head goes ahead.
    if (req.readableLength === 0 && !req.complete) up.flushHeaders();
    req.on('data', progress);
    req.pipe(up, { end: false });
    req.once('end', () => {
      try {
        up.addTrailers(trailersOf(req));
        up.end();
      } catch (error) {
        up.destroy(error as Error);
      }
    });
  };
  if (!exchange.expectsContinue) {
    start();
    return;
  }
  const patience = setTimeout(() => {
    allowBody(exchange);
    start();
  }, CONTINUE_AFTER_MS);
  up.once('continue', start);
  up.once('response', () => clearTimeout(patience));
  up.once('close', () => clearTimeout(patience));
}

/** Passes an interim answer on. */
function passInformation(exchange: Exchange, info: InformationEvent): void {
  const { req, res } = exchange;
  if (res.headersSent || req.httpVersion !== '1.1') return;
  if (info.statusCode === 100) {
    allowBody(exchange);
    return;
  }
  try {
    res.writeInformation(info.statusCode, toClient(info, false));
  } catch {
    // Not worth an answer's failure: the client can do without.
  }
}

/** Tells a client that waits for it to send its body. */
function allowBody(exchange: Exchange): void {
  if (!exchange.expectsContinue || exchange.res.headersSent) return;
  exchange.expectsContinue = false;
  exchange.res.writeContinue();
}

/**
 * Reads what still comes of an answered request, for a while: closing at once
 * would reset the connection, and that could take the answer with it.
 */
function linger(req: IncomingMessage): void {
  req.resume();
  const timer = setTimeout(() => req.socket.destroySoon(), LINGER_MS);
  const stop = () => clearTimeout(timer);
  req.once('end', stop);
  req.socket.once('close', stop);
}
