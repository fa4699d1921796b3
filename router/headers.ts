import type { IncomingMessage } from 'node:http';
import type { Trace } from './trace.ts';
import type { AnswerHead } from './wire/answer.ts';
import type { BodyFraming } from './wire/roundtrip.ts';

/*
 * What passes from one side to the other. Headers travel as flat lists of
 * name, value, name, value, in order and spelling as they came.
 */

/** Headers between two neighbours (RFC 9110, section 7.6.1, and their forerunners): each side of the edge has its own. */
const HOP_BY_HOP = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What `Connection` may not take away: without these a request would mean something else. */
const NEVER_DROPPED = new Set(['host', 'content-length', 'content-type', 'authorization', 'cookie']);

/** Set by the edge, so never believed from a client. */
const FORWARDED = new Set(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id']);

/** What only a proxy may say about the client before it. */
const FROM_PROXIES = new Set(['forwarded', 'x-forwarded-port', 'x-forwarded-server', 'x-real-ip']);

/** One without the other says nothing, so they go on together, and not because `Connection` names one of them. */
const TRACE_CONTEXT = new Set(['traceparent', 'tracestate']);

const OURS = 'x-thaw-';
const SANE_REQUEST_ID = /^[\w.-]{1,128}$/;

/** The request's id: the client's own when it is harmless to log and echo, else a new one. */
export function requestIdOf(req: IncomingMessage, fresh: () => string): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : fresh();
}

/** How the body that a request carries ends, be it an empty one in chunks. */
export function bodyOf({ headers }: IncomingMessage): BodyFraming {
  if (headers['transfer-encoding'] !== undefined) return 'chunked';
  return headers['content-length'] !== undefined && Number(headers['content-length']) > 0 ? 'length' : 'none';
}

/**
 * The headers with which a request goes on to the instance.
 *
 * @param trace when the edge made it, it takes the place of whatever the client said of one
 * @param upgrade protocol to ask for, when the connection is to be upgraded
 */
export function toInstance(req: IncomingMessage, requestId: string, { made }: Trace, upgrade?: string): string[] {
  const { rawHeaders, headers, socket } = req;
  const named = connectionNames(headers.connection);
  const peer = socket.remoteAddress ?? '';
  const trusted = isLoopback(peer);
  const out: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const lower = canonical(name);
    if (HOP_BY_HOP.has(lower) || FORWARDED.has(lower) || lower.startsWith(OURS)) continue;
    if (named?.has(lower) && !TRACE_CONTEXT.has(lower)) continue;
    if (!trusted && FROM_PROXIES.has(lower)) continue;
    if (made !== undefined && TRACE_CONTEXT.has(lower)) continue;
    out.push(name, rawHeaders[at + 1] as string);
  }
  const before = trusted ? single(headers['x-forwarded-for']) : undefined;
  out.push('x-forwarded-for', before === undefined ? peer : `${before}, ${peer}`);
  out.push('x-forwarded-host', (trusted ? single(headers['x-forwarded-host']) : undefined) ?? headers.host ?? '');
  out.push('x-forwarded-proto', (trusted ? single(headers['x-forwarded-proto']) : undefined) ?? 'http');
  out.push('x-request-id', requestId);
  if (made !== undefined) out.push('traceparent', made);
  if (upgrade !== undefined) {
    out.push('connection', 'Upgrade', 'upgrade', upgrade);
    return out;
  }
  // Servers that speak HTTP/1.0 need to be told.
  out.push('connection', 'keep-alive');
  if (headers['transfer-encoding'] !== undefined) {
    if (headers.trailer !== undefined) out.push('trailer', headers.trailer);
    out.push('transfer-encoding', 'chunked');
  } else if (headers['content-length'] === undefined && !BODILESS.has(req.method ?? '')) {
    // No framing means no body; said outright, so that nothing is added on the way.
    out.push('content-length', '0');
  }
  return out;
}

/** Methods of which nobody expects a body. */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/**
 * The headers with which an instance's answer goes back.
 *
 * @param trailers the answer may end with trailers: it is sent in chunks
 */
export function toClient({ headers, connection, framing }: AnswerHead, trailers: boolean): string[] {
  const named = connectionNames(connection);
  const out: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string;
    const lower = name.toLowerCase();
    const passes = lower === 'trailer' && trailers && framing === 'chunked';
    if (HOP_BY_HOP.has(lower) && !passes) continue;
    if (lower === 'x-request-id' || lower.startsWith(OURS) || named?.has(lower)) continue;
    out.push(name, headers[at + 1] as string);
  }
  return out;
}

/** The first value of a header in a flat list. @param name in lower case */
export function valueIn(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    const one = headers[at] as string;
    if (one.length === name.length && one.toLowerCase() === name) return headers[at + 1];
  }
  return undefined;
}

/** The trailers of a flat list that may pass, in the form that Node's `addTrailers` takes. */
export function trailersOf(rawTrailers: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < rawTrailers.length; at += 2) {
    const name = rawTrailers[at] as string;
    // What frames or routes a message must not come after it (RFC 9110, section 6.5.1).
    const lower = canonical(name);
    if (HOP_BY_HOP.has(lower) || NEVER_DROPPED.has(lower) || FORWARDED.has(lower) || lower.startsWith(OURS)) continue;
    pairs.push([name, rawTrailers[at + 1] as string]);
  }
  return pairs;
}

/** The names that a `Connection` header lists, when there is anything unusual among them. */
function connectionNames(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const named = connection.split(',').map((name) => canonical(name.trim()));
  return new Set(named.filter((name) => !NEVER_DROPPED.has(name)));
}

/** Lower case; underscores count as hyphens, as they do where headers become environment variables (CGI, WSGI). */
function canonical(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}

/** A proxy on this machine, which ends TLS, is believed; anyone else is not. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}

function single(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(', ') : value;
  return text === '' ? undefined : text;
}
