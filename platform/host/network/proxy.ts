import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../../log.ts';
import type { Egress } from '../contract.ts';
import { GATEWAY_PORTS } from './addresses.ts';

/** Ports that an allowed host name may be reached at. */
const OPEN_PORTS = new Set([80, 443]);
const CONNECT_TIMEOUT_MS = 15_000;

/**
 * The gateway's HTTP proxy, for guests that may reach a few host names alone.
 * A guest names a host (`CONNECT name:443`, or an absolute URL); the proxy looks
 * the name up itself, so the guest needs no resolver and an address cannot stand
 * in for a name. Who asks is known by the address of the slot.
 *
 * @param egressOf what the slot at an address may reach
 */
export async function openProxy(
  address: string,
  egressOf: (slot: string) => Egress | undefined,
  log: Log,
): Promise<AsyncDisposable> {
  const tunnels = new Set<Duplex>();
  const allowed = (socket: Duplex, host: string, port: number): boolean => {
    const slot = (socket as Socket).remoteAddress ?? '';
    const ok = OPEN_PORTS.has(port) && isAllowed(egressOf(slot), host);
    if (!ok) log.info({ slot, host, port }, 'refused a connection that the egress policy does not name');
    return ok;
  };
  const server = createServer((incoming, outgoing) => {
    const target = URL.parse(incoming.url ?? '');
    if (target?.protocol !== 'http:' || !allowed(incoming.socket, target.hostname, Number(target.port || 80))) {
      outgoing.writeHead(403, { 'content-type': 'text/plain' }).end(refusal(target?.hostname ?? 'that address'));
      return;
    }
    const upstream = request(target, { method: incoming.method, headers: endToEnd(incoming), agent: false });
    upstream.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, outgoing).catch(() => {});
    });
    pipeline(incoming, upstream).catch(() => upstream.destroy());
  });
  server.on('connect', (incoming, socket, head) => {
    const { hostname, port } = URL.parse(`http://${incoming.url}`) ?? { hostname: '', port: '' };
    socket.on('error', () => {});
    if (!allowed(socket, hostname, Number(port || 80))) {
      socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\n\r\n${refusal(hostname)}`);
      return;
    }
    tunnel(socket, head, hostname, Number(port || 80), tunnels);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, address);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      for (const socket of tunnels) socket.destroy();
      await closed;
    },
  };
}

function tunnel(socket: Duplex, head: Buffer, host: string, port: number, tunnels: Set<Duplex>): void {
  const upstream = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
  const end = () => {
    tunnels.delete(socket);
    upstream.destroy();
    socket.destroy();
  };
  tunnels.add(socket);
  upstream.once('timeout', end);
  upstream.once('error', () => {
    if (upstream.connecting || !socket.writable) return end();
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    tunnels.delete(socket);
  });
  socket.once('close', end);
  upstream.once('connect', () => {
    upstream.setTimeout(0);
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    upstream.write(head);
    void Promise.all([pipeline(socket, upstream), pipeline(upstream, socket)])
      .catch(() => {})
      .finally(end);
  });
}

function isAllowed(egress: Egress | undefined, host: string): boolean {
  return egress?.mode === 'hosts' && egress.hosts.includes(host.toLowerCase().replace(/\.$/, ''));
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
