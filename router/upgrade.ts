import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Reached } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import type { Carrier } from './forward.ts';
import { bodyOf, toClient, toInstance, valueIn } from './headers.ts';
import { Joint } from './lasting.ts';
import type { Lease } from './lease.ts';
import type { Route } from './parts.ts';
import { reach } from './reach.ts';
import { edgeHeaders, relay } from './relay.ts';
import type { Roundtrip } from './wire/roundtrip.ts';

/**
 * True for a request whose connection may become another protocol's. Not for
 * HTTP/2 in the clear, by which requests would pass unseen; not with a body,
 * where its end and the new protocol's beginning are a matter of opinion. Such a
 * request is answered as if it had not asked.
 */
export function mayUpgrade(req: IncomingMessage): boolean {
  const asked = req.headers.upgrade?.toLowerCase();
  return asked !== undefined && !/\bh2c?\b|http\//.test(asked) && req.httpVersion === '1.1' && bodyOf(req) === 'none';
}

/**
 * Passes an upgrade to an instance. When it agrees, both connections are joined
 * until one of them closes; when not, its answer goes back and the connection ends.
 *
 * @param head what the client sent already, past its request
 * @throws ThawError as `reach` does, before anything of an answer was sent
 */
export async function upgrade(
  carrier: Carrier,
  exchange: Exchange,
  route: Route,
  client: Socket,
  head: Buffer,
): Promise<Reached> {
  const { req, requestId, trace } = exchange;
  const abort = new AbortController();
  let up: Roundtrip | undefined;
  let lease: Lease | undefined;
  const leave = () => {
    abort.abort();
    up?.destroy();
    lease?.release();
  };
  client.once('close', leave);
  client.once('end', leave);
  // Nothing reads the connection now; without this its end would go unnoticed.
  client.read(0);
  return await reach(carrier.pool, {
    route,
    routeNow: () => carrier.routeNow(exchange) ?? route,
    method: req.method ?? 'GET',
    path: req.url ?? '/',
    headers: toInstance(req, requestId, trace, req.headers.upgrade),
    body: 'none',
    repeatable: req.method === 'GET',
    gone: () => abort.signal.aborted,
    signal: () => abort.signal,
    sending: (made) => {
      up = made;
    },
    sendBody: () => {},
    interim: () => {},
    answered: (reached, made) => {
      const taker = relay(carrier, exchange, reached, made);
      lease = reached.lease;
      client.off('end', leave);
      return taker;
    },
    switched: (reached, instance, first) => {
      lease = reached.lease;
      client.off('end', leave);
      client.off('close', leave);
      client.once('close', lease.release);
      exchange.reached = reached;
      exchange.answered = carrier.now();
      exchange.res.detachSocket(client);
      client.write(switching(carrier, exchange, reached), 'latin1');
      lease.last(new Joint(client, instance, lease, { client: head, instance: first }));
    },
  });
}

/** The head of the answer that switches protocols. */
function switching(carrier: Carrier, exchange: Exchange, { answer, lease }: Reached): string {
  const headers = [...toClient(answer, false), ...edgeHeaders(carrier, exchange, lease)];
  const protocol = valueIn(answer.headers, 'upgrade') ?? exchange.req.headers.upgrade ?? '';
  headers.push('connection', 'Upgrade', 'upgrade', protocol);
  let text = `HTTP/1.1 101 ${answer.reason || STATUS_CODES[101]}\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}
