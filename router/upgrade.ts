import { type ClientRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ThawError } from '../platform/errors.ts';
import { type Carrier, type Exchange, edgeHeaders, relay } from './forward.ts';
import { hasBody, toClient, toInstance } from './headers.ts';
import { Joint } from './lasting.ts';
import type { Lease } from './lease.ts';
import { type Call, type Reached, reach } from './reach.ts';

/**
 * True for a request whose connection may become another protocol's. Not for
 * HTTP/2 in the clear, by which requests would pass unseen; not with a body,
 * where its end and the new protocol's beginning are a matter of opinion. Such a
 * request is answered as if it had not asked.
 */
export function mayUpgrade(req: IncomingMessage): boolean {
  const asked = req.headers.upgrade?.toLowerCase();
  return asked !== undefined && !/\bh2c?\b|http\//.test(asked) && req.httpVersion === '1.1' && !hasBody(req);
}

/**
 * Passes an upgrade to an instance. When it agrees, both connections are joined
 * until one of them closes; when not, its answer goes back and the connection ends.
 *
 * @param head what the client sent already, past its request
 * @throws ThawError as `reach` does, before anything of an answer was sent
 */
export async function upgrade(carrier: Carrier, exchange: Exchange, client: Socket, head: Buffer): Promise<Reached> {
  const { req, route, requestId, trace } = exchange;
  const abort = new AbortController();
  let up: ClientRequest | undefined;
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
  const call: Call = {
    route,
    routeNow: () => carrier.routeNow(exchange),
    method: req.method ?? 'GET',
    path: req.url ?? '/',
    headers: toInstance(req, requestId, trace, req.headers.upgrade),
    repeatable: req.method === 'GET',
    upgrade: true,
    information: () => {},
    gone: () => abort.signal.aborted,
    signal: () => abort.signal,
    sending: (made) => {
      up = made;
    },
  };
  const reached = await reach(carrier.pool, call);
  lease = reached.lease;
  if (call.gone()) {
    reached.upgraded?.socket.destroy();
    leave();
    throw new ThawError('cancelled', 'The client left before the answer.');
  }
  client.off('end', leave);
  if (reached.upgraded === undefined) {
    relay(carrier, exchange, reached);
  } else {
    client.off('close', leave);
    client.once('close', lease.release);
    exchange.res.detachSocket(client);
    client.write(switching(carrier, exchange, reached), 'latin1');
    const { socket, head: fromInstance } = reached.upgraded;
    lease.last(new Joint(client, socket as Socket, lease, { client: head, instance: fromInstance }));
  }
  return reached;
}

/** The head of the answer that switches protocols. */
function switching(carrier: Carrier, exchange: Exchange, { answer, lease }: Reached): string {
  const headers = [...toClient(answer, false), ...edgeHeaders(carrier, exchange, lease)];
  headers.push('connection', 'Upgrade', 'upgrade', answer.headers.upgrade ?? exchange.req.headers.upgrade ?? '');
  let text = `HTTP/1.1 101 ${answer.statusMessage || STATUS_CODES[101]}\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}
