import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { RefusalReason } from '../contract.ts';
import { GATEWAY_PORTS } from './addresses.ts';
import type { Connection, Guest } from './egress/guest.ts';
import { join } from './egress/join.ts';
import { addressNumber, addressText, isClosed } from './egress/ranges.ts';

const FORBIDDEN = 'HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\n\r\n';
const BAD_GATEWAY = 'HTTP/1.1 502 Bad Gateway\r\n\r\n';

export interface ProxyOptions {
  /** Address that the proxy listens on, and that its connections come from. */
  address: string;
  guestAt(slot: string): Guest | undefined;
  /** Addresses that a guest with rules may have for a name. */
  resolve(guest: Guest, name: string): Promise<number[]>;
}

/** Where the proxy connects to. */
interface Target {
  name: string;
  port: number;
  /** What to connect to: an address, or where the operator chose the name, that name. */
  host: string;
  from?: string;
}

type Reach = Target | 'forbidden' | 'nowhere';

/**
 * The gateway's HTTP proxy, for guests that may reach a few host names alone.
 * A guest names a host (`CONNECT name:443`, or an absolute URL); the proxy looks
 * the name up itself, so the guest needs no resolver and an address cannot stand
 * in for a name. Who asks is known by the address of the slot.
 */
export async function openProxy(options: ProxyOptions): Promise<AsyncDisposable> {
  const guestOf = (socket: { remoteAddress?: string | undefined }) => options.guestAt(socket.remoteAddress ?? '');
  const open = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    const url = URL.parse(incoming.url ?? '');
    const guest = guestOf(incoming.socket);
    if (guest === undefined || url?.protocol !== 'http:') return void forbid(outgoing, url?.hostname ?? 'that address');
    void reach(options, guest, url.hostname, Number(url.port || 80)).then((target) => {
      if (target === 'forbidden') forbid(outgoing, url.hostname);
      else if (target === 'nowhere') outgoing.writeHead(502).end();
      else forward(guest, target, url, incoming, outgoing);
    });
  });
  server.on('connect', (incoming, duplex, head) => {
    const socket = duplex as Socket;
    const { hostname, port } = URL.parse(`http://${incoming.url}`) ?? { hostname: '', port: '' };
    const guest = guestOf(socket);
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
    if (guest === undefined) return last(socket, `${FORBIDDEN}${refusal(hostname)}`);
    void reach(options, guest, hostname, Number(port || 80)).then((target) => {
      if (target === 'forbidden') last(socket, `${FORBIDDEN}${refusal(hostname)}`);
      else if (target === 'nowhere') last(socket, BAD_GATEWAY);
      else tunnel(guest, socket, head, target);
    });
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, options.address);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Where a guest's request goes, if its policy allows it and there is such a place. */
async function reach(options: ProxyOptions, guest: Guest, host: string, port: number): Promise<Reach> {
  const name = host.toLowerCase().replace(/\.$/, '');
  const refuse = (reason: RefusalReason) => {
    guest.refuse({ destination: name, port, protocol: 'tcp', reason });
    return 'forbidden' as const;
  };
  if (guest.isFull) return refuse('too_many');
  const { address: from } = options;
  const number = addressNumber(name);
  if (number !== undefined) {
    if (isClosed(number)) return refuse('closed_range');
    return guest.policy.allowsAddress(number, port) ? { name, port, host: name, from } : refuse('not_allowed');
  }
  if (!guest.mayAskProxyFor(name, port)) return refuse('not_allowed');
  const { egress } = guest;
  if (egress.mode === 'hosts' && egress.operator) return { name, port, host: name };
  const addresses = egress.mode === 'rules' ? await options.resolve(guest, name).catch(() => []) : await lookUp(name);
  if (!guest.mayAskProxyFor(name, port)) return refuse('policy_changed');
  const reachable = addresses.find((address) => !isClosed(address));
  if (reachable !== undefined) return { name, port, host: addressText(reachable), from };
  return addresses.length > 0 ? refuse('closed_range') : 'nowhere';
}

/** As the host itself looks names up: the names of mode `hosts` may be those of its own network. */
async function lookUp(name: string): Promise<number[]> {
  const found = await lookup(name, { family: 4, all: true }).catch(() => []);
  return found.flatMap(({ address }) => addressNumber(address) ?? []);
}

function tunnel(guest: Guest, socket: Socket, head: Buffer, { name, port, host, from }: Target): void {
  join(guest, socket, {
    to: { name, address: host, port },
    ...(from === undefined ? {} : { from }),
    head,
    connected: () => void socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'),
    failed: () => last(socket, BAD_GATEWAY),
    mayGoOn: (now) => mayGoOn(now, name, port),
  });
}

function forward(guest: Guest, target: Target, url: URL, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { name, port, host, from } = target;
  if (guest.isGone) {
    incoming.socket.destroy();
    return;
  }
  const upstream = request({
    ...{ host, port, method: incoming.method, path: `${url.pathname}${url.search}` },
    headers: { host: url.host, ...endToEnd(incoming) },
    agent: false,
    ...(from === undefined ? {} : { localAddress: from }),
  });
  const connection: Connection = {
    to: { name, address: host, port },
    mayGoOn: (now) => mayGoOn(now, name, port),
    cut() {
      upstream.destroy();
      incoming.socket.destroy();
    },
  };
  guest.connections.add(connection);
  upstream.once('close', () => guest.connections.delete(connection));
  upstream.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
  upstream.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    pipeline(answer, outgoing).catch(() => {});
  });
  pipeline(incoming, upstream).catch(() => upstream.destroy());
}

function mayGoOn(guest: Guest, name: string, port: number): boolean {
  const number = addressNumber(name);
  return number === undefined ? guest.mayAskProxyFor(name, port) : guest.policy.allowsAddress(number, port);
}

/** Sends the last that is to be said on a connection, and closes it. */
function last(socket: Socket, text: string): void {
  socket.write(text);
  socket.destroySoon();
}

function forbid(outgoing: ServerResponse, host: string): void {
  outgoing.writeHead(403, { 'content-type': 'text/plain' }).end(refusal(host));
}

function refusal(host: string): string {
  return `Thaw: the egress policy of this VM does not allow ${host}.\n`;
}

/** Headers that concern this hop alone are the proxy's own business. */
function endToEnd({ headers }: IncomingMessage): IncomingMessage['headers'] {
  const { 'proxy-authorization': _a, 'proxy-connection': _c, connection: _k, 'keep-alive': _l, ...rest } = headers;
  return rest;
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(GATEWAY_PORTS.proxy, address, () => resolve());
  });
}
