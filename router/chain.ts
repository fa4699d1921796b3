import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type ErrorHandler, type Handler, Hono, type MiddlewareHandler } from 'hono';
import { ThawError, toThawError } from '../platform/errors.ts';
import { type Carrier, type Exchange, forward } from './forward.ts';
import { requestIdOf } from './headers.ts';
import { answerError } from './pages.ts';
import type { EdgeParts, Route } from './parts.ts';
import type { Reached } from './reach.ts';
import { labelOf } from './resolve.ts';

/*
 * What happens to a request, from the outside in. Each step works on Node's own
 * request and answer, so that bodies stream through untouched.
 */

interface EdgeEnv {
  Bindings: HttpBindings;
  Variables: { began: number; requestId: string; route: Route };
}

/** What the chain needs besides the parts. */
export interface ChainParts extends Pick<EdgeParts, 'resolve' | 'domain' | 'log' | 'now'> {
  newRequestId(): string;
  carrier: Carrier;
  /** True for a request whose client waits for `100 Continue`. */
  expectsContinue(req: IncomingMessage): boolean;
}

/** The chain of a plain request: named, routed, carried; whatever goes wrong is told. */
export function requestChain(parts: ChainParts): Hono<EdgeEnv> {
  return new Hono<EdgeEnv>()
    .use(named(parts))
    .use(routed(parts))
    .all('*', carried(parts))
    .onError(told(parts)) as Hono<EdgeEnv>;
}

function named({ newRequestId, now }: ChainParts): MiddlewareHandler<EdgeEnv> {
  return (c, next) => {
    c.set('began', now());
    c.set('requestId', requestIdOf(c.env.incoming, newRequestId));
    return next();
  };
}

function routed(parts: ChainParts): MiddlewareHandler<EdgeEnv> {
  return (c, next) => {
    c.set('route', routeOf(c.env.incoming, parts));
    return next();
  };
}

function carried(parts: ChainParts): Handler<EdgeEnv> {
  return async (c) => {
    const { incoming: req, outgoing: res } = c.env;
    const { began, requestId, route } = c.var;
    const exchange = { req, res, route, requestId, began, expectsContinue: parts.expectsContinue(req) };
    logAnswer(parts, exchange, await forward(parts.carrier, exchange));
    return RESPONSE_ALREADY_SENT;
  };
}

function told(parts: ChainParts): ErrorHandler<EdgeEnv> {
  return (thrown, c) => {
    const { incoming: req, outgoing: res } = c.env;
    if (parts.expectsContinue(req)) res.shouldKeepAlive = false;
    tell(parts, req, res, c.var.requestId, thrown);
    return RESPONSE_ALREADY_SENT;
  };
}

/**
 * The route that a request names.
 *
 * @throws ThawError `invalid_input` for a request that is not to an app at all, `not_found`
 */
export function routeOf(req: IncomingMessage, parts: Pick<EdgeParts, 'resolve' | 'domain'>): Route {
  if (req.url === undefined || !req.url.startsWith('/')) {
    throw new ThawError('invalid_input', 'The request names a whole URL where a path belongs.', {
      hint: 'This is no proxy: send the request to the app itself.',
    });
  }
  let hosts = 0;
  for (let at = 0; at < req.rawHeaders.length; at += 2) {
    const name = req.rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) throw new ThawError('invalid_input', 'The request names more than one host.');
  const label = labelOf(req.headers.host, parts.domain);
  const route = label === undefined ? undefined : parts.resolve(label);
  if (route !== undefined) return route;
  const where = label === undefined ? 'at this address' : `at ${label}.${parts.domain}`;
  throw new ThawError('not_found', `There is no app ${where}.`, {
    hint: 'Check the name; an app is there as soon as its first push is done.',
  });
}

/** Answers with what went wrong, and writes it to the log. A client that has left is told nothing. */
export function tell(
  { log, carrier }: Pick<ChainParts, 'log' | 'carrier'>,
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  thrown: unknown,
): void {
  const error = toThawError(thrown);
  if (error.code === 'cancelled') {
    res.destroy();
    return;
  }
  const fields = { requestId, host: req.headers.host, code: error.code, err: error };
  if (error.code === 'internal') log.error(fields, 'request failed');
  else if (error.status >= 500) log.warn(fields, 'request failed');
  else log.debug(fields, 'request refused');
  if (carrier.closing()) res.shouldKeepAlive = false;
  try {
    answerError(req, res, error, requestId);
  } catch (err) {
    log.error({ requestId, err }, 'error could not be told');
    res.destroy();
  }
}

export function logAnswer(
  { log, now }: Pick<ChainParts, 'log' | 'now'>,
  { requestId, route, began }: Exchange,
  { lease, answer }: Reached,
): void {
  if (!log.isLevelEnabled('debug')) return;
  const { start, instance } = lease;
  const ms = now() - began;
  log.debug({ requestId, app: route.app, instance: instance.id, start, status: answer.statusCode, ms }, 'answer began');
}
