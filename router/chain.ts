import type { IncomingMessage, ServerResponse } from 'node:http';
import { ThawError, toThawError } from '../platform/errors.ts';
import type { Reached } from './attempt.ts';
import { type Exchange, newExchange } from './exchange.ts';
import { type Carrier, forward } from './forward.ts';
import { admit } from './guard.ts';
import { requestIdOf } from './headers.ts';
import type { Ledger } from './ledger.ts';
import { answerError } from './pages.ts';
import type { EdgeParts, Route } from './parts.ts';
import type { RequestRate } from './rate.ts';
import { nameOf, sandboxPortOf } from './resolve.ts';
import { traceOf } from './trace.ts';

/*
 * What happens to a request, from the outside in: named, routed, counted,
 * carried; whatever goes wrong is told. Node's own request and answer go through
 * as they are, so that bodies stream untouched and nothing is made for each
 * request that nobody reads.
 */

/** What the chain needs besides the parts. */
export interface ChainParts extends Pick<EdgeParts, 'resolve' | 'admits' | 'domain' | 'log' | 'now'> {
  newRequestId(): string;
  newTraceparent(): string;
  rate: RequestRate;
  ledger: Ledger;
  carrier: Carrier;
  /** True for a request whose client waits for `100 Continue`. */
  expectsContinue(req: IncomingMessage): boolean;
}

/** Takes a plain request all the way. Rejects with what is a mistake of the edge's own. */
export async function carry(parts: ChainParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const exchange = exchangeOf(parts, req, res, parts.expectsContinue(req));
  const { ledger, rate } = parts;
  res.once('close', () => ledger.close(exchange));
  try {
    const route = routeOf(req, parts);
    exchange.route = route;
    rate.count(route);
    logAnswer(parts, exchange, await forward(parts.carrier, exchange, route));
  } catch (error) {
    ledger.failed(exchange, error);
    if (exchange.expectsContinue) res.shouldKeepAlive = false;
    tell(parts, exchange, error);
  }
}

/** A request that just came, named. */
export function exchangeOf(
  parts: Pick<ChainParts, 'now' | 'newRequestId' | 'newTraceparent'>,
  req: IncomingMessage,
  res: ServerResponse,
  expectsContinue: boolean,
): Exchange {
  return newExchange(req, res, {
    began: parts.now(),
    requestId: requestIdOf(req, parts.newRequestId),
    trace: traceOf(req, parts.newTraceparent),
    expectsContinue,
  });
}

/**
 * The route that a request names.
 *
 * @throws ThawError `invalid_input` for a request that is not to an app at all, `not_found`
 */
export function routeOf(req: IncomingMessage, parts: Pick<ChainParts, 'resolve' | 'admits' | 'domain'>): Route {
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
  const name = nameOf(req.headers.host, parts.domain);
  const route = (name === undefined ? undefined : parts.resolve(name)) ?? namedByHeaders(req, parts);
  if (route !== undefined && admit(req, route, parts)) return route;
  if (name !== undefined && sandboxPortOf(name) !== undefined) {
    // The same for one that is not there and one that the request may not see.
    throw new ThawError('not_found', `There is no sandbox at ${name}.${parts.domain}, or its ports are private.`, {
      hint: 'A private port needs a token, as the header x-thaw-token or the query parameter thaw_token.',
    });
  }
  const where = name === undefined ? 'at this address' : `at ${name.includes('.') ? name : `${name}.${parts.domain}`}`;
  throw new ThawError('not_found', `There is no app ${where}.`, {
    hint: 'Check the name; an app is there as soon as its first push is done.',
  });
}

/** E2B's clients name a sandbox and its port in headers when they are given one address for all. */
function namedByHeaders(req: IncomingMessage, parts: Pick<ChainParts, 'resolve'>): Route | undefined {
  const id = req.headers['e2b-sandbox-id'];
  const port = req.headers['e2b-sandbox-port'];
  if (typeof id !== 'string' || typeof port !== 'string') return undefined;
  const label = `${port}-${id}`;
  return sandboxPortOf(label) === undefined ? undefined : parts.resolve(label);
}

/** Answers with what went wrong, and writes it to the log. A client that has left is told nothing. */
export function tell(
  { log, carrier }: Pick<ChainParts, 'log' | 'carrier'>,
  { req, res, requestId }: Exchange,
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
  { requestId, began }: Exchange,
  { route, lease, answer }: Reached,
): void {
  if (!log.isLevelEnabled('debug')) return;
  const { start, instance } = lease;
  const ms = now() - began;
  log.debug({ requestId, app: route.app, instance: instance.id, start, status: answer.status, ms }, 'answer began');
}
