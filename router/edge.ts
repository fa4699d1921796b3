import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ThawError } from '../platform/errors.ts';
import { type ChainParts, carry, exchangeOf, logAnswer, routeOf, tell } from './chain.ts';
import { Ledger } from './ledger.ts';
import type { EdgeParts, Instance, Listen, Route } from './parts.ts';
import { type InstanceView, Pool, type QueueView } from './pool.ts';
import { RequestRate } from './rate.ts';
import { nameOf } from './resolve.ts';
import { newTraceparent } from './trace.ts';
import { mayUpgrade, upgrade } from './upgrade.ts';

/** Longest head of a request, its URL included. */
const MAX_HEAD_BYTES = 32 * 1024;
/** Longest a client may take to send a head. */
const HEAD_TIMEOUT_MS = 30_000;
/** A client's idle connection is kept for this long: longer than proxies in front keep theirs, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
const GRACE_MS = 10_000;

/** The HTTP edge: every request to an app comes in here. */
export interface Edge extends AsyncDisposable {
  /** Where it listens; the port that was given when 0 was asked for. */
  readonly listen: Listen;
  /** Tells that a VM has ended by itself. */
  remove(instance: string): void;
  /** Takes in an instance that ran before this edge did, or was asleep. */
  adopt(route: Route, instance: Instance, state?: 'awake' | 'asleep'): void;
  /** Ends the instances of a deployment that no app or branch leads to any more, each once it is idle. */
  drain(deployment: string): void;
  /** Keeps `minInstances` of each of these deployments up, and of no others; replaces what was told before. */
  keep(routes: Iterable<Route>): void;
  /**
   * Sees to it that an instance of a deployment is up, e.g. before it comes in front.
   *
   * @throws ThawError why it is not
   */
  warm(route: Route, signal: AbortSignal): Promise<void>;
  /** Ends the instances of a deployment, after what is under way there, and resolves when they are gone. */
  retire(deployment: string, graceMs: number): Promise<void>;
  /** Lets the requests of a deployment wait until this is disposed; they go where their names lead by then. */
  hold(deployment: string): Disposable;
  /** The instances that run now. */
  instances(): InstanceView[];
  /** Requests that wait for a place on an instance of `deployment`. */
  waiting(deployment: string): number;
  /** The deployments for which requests wait. */
  queues(): QueueView[];
}

/**
 * Opens the HTTP edge.
 *
 * Disposing it stops accepting, lets requests that are being answered finish
 * within the grace time, and ends the instances, or does with them as `atClose`
 * says.
 *
 * @throws ThawError `misconfigured` when the address cannot be listened on
 */
export async function openEdge(parts: EdgeParts, listen: Listen): Promise<Edge> {
  const pool = new Pool(parts);
  const traffic = new Traffic();
  let closing = false;
  const waiting = new WeakSet<IncomingMessage>();
  const chainParts: ChainParts = {
    resolve: (name) => parts.resolve(name),
    admits: (token, route) => parts.admits?.(token, route) === true,
    rate: new RequestRate(() => parts.now()),
    ledger: new Ledger(parts),
    domain: parts.domain,
    log: parts.log,
    now: () => parts.now(),
    newRequestId: () => parts.newRequestId?.() ?? randomUUID(),
    newTraceparent: () => parts.newTraceparent?.() ?? newTraceparent(),
    carrier: {
      pool,
      routeNow: ({ req }) => parts.resolve(nameOf(req.headers.host, parts.domain) ?? ''),
      now: () => parts.now(),
      closing: () => closing,
    },
    expectsContinue: (req) => waiting.has(req),
  };
  const server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    // A body may take as long as it likes while it moves: reach() watches that.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    shouldUpgradeCallback: mayUpgrade,
  });

  // Bounded by their bytes; a count would drop what is past it without a word.
  server.maxHeadersCount = 0;

  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    traffic.add(res);
    carry(chainParts, req, res).catch((err: unknown) => {
      parts.log.error({ err }, 'request failed');
      res.destroy();
    });
  });
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    waiting.add(req);
    server.emit('request', req, res);
  });
  server.on('upgrade', async (req: IncomingMessage, client: Duplex, head: Buffer) => {
    const socket = client as Socket;
    const res = answerOn(socket, req);
    const exchange = exchangeOf(chainParts, req, res, false);
    const { ledger, rate } = chainParts;
    traffic.add(socket);
    socket.once('close', () => ledger.close(exchange));
    try {
      const route = routeOf(req, chainParts);
      exchange.route = route;
      rate.count(route);
      logAnswer(parts, exchange, await upgrade(chainParts.carrier, exchange, route, socket, head));
    } catch (error) {
      ledger.failed(exchange, error);
      tell(chainParts, exchange, error);
    }
  });
  server.on('connect', (_req: IncomingMessage, client: Duplex) => refuse(client as Socket, 405, 'Method Not Allowed'));
  server.on('clientError', (error: NodeJS.ErrnoException, client: Duplex) => {
    const [status, reason] = MALFORMED[error.code ?? ''] ?? [400, 'Bad Request'];
    refuse(client as Socket, status, reason);
  });
  const address = await start(server, listen);

  return {
    listen: { host: listen.host, port: address.port },
    remove: (instance) => pool.remove(instance),
    adopt: (route, instance, state) => pool.adopt(route, instance, state === 'asleep'),
    drain: (deployment) => pool.drain(deployment),
    keep: (routes) => pool.keep(routes),
    warm: (route, signal) => pool.warm(route, signal),
    retire: (deployment, graceMs) => pool.retire(deployment, graceMs),
    hold: (deployment) => pool.holds.hold(deployment),
    instances: () => pool.instances(),
    waiting: (deployment) => pool.waiting(deployment),
    queues: () => pool.queues(),
    async [Symbol.asyncDispose]() {
      if (closing) return;
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      pool.closeAsleep(parts.atClose ?? 'end');
      await traffic.over(parts.graceMs ?? GRACE_MS);
      server.closeAllConnections();
      await pool.close(parts.atClose ?? 'end');
      await closed;
    },
  };
}

/** What the edge is in the middle of: answers, and connections that were upgraded. */
class Traffic {
  readonly #open = new Set<ServerResponse | Socket>();
  #emptied = () => {};

  add(one: ServerResponse | Socket): void {
    this.#open.add(one);
    one.once('close', () => {
      this.#open.delete(one);
      if (this.#open.size === 0) this.#emptied();
    });
  }

  /** Waits until all is over, at most `graceMs`; then breaks off what is not. */
  async over(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
      timer = setTimeout(resolve, graceMs);
    });
    clearTimeout(timer);
    for (const one of this.#open) one.destroy();
  }
}

/** Requests that the parser refuses, by its error's code. */
const MALFORMED: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
};

/** Answers on a connection that no request can be read from, and ends it. */
function refuse(client: Socket & { _httpMessage?: ServerResponse }, status: number, reason: string): void {
  client.on('error', () => {});
  // An answer that has begun cannot be followed by another one.
  if (!client.writable || client._httpMessage?.headersSent) {
    client.destroy();
    return;
  }
  const body = `${JSON.stringify({ error: { code: 'invalid_input', message: `${reason}.` } })}\n`;
  const head = ['connection: close', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`];
  client.end(`HTTP/1.1 ${status} ${reason}\r\n${head.join('\r\n')}\r\n\r\n${body}`, () => client.destroy());
}

/** An ordinary answer on a connection that asked to be upgraded; it ends the connection. */
function answerOn(socket: Socket, req: IncomingMessage): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  socket.on('error', () => {}); // Its 'close' follows.
  // Node has let go of the connection, so nobody else tells the answer when it may go on.
  socket.on('drain', () => res.emit('drain'));
  res.once('finish', () => {
    res.detachSocket(socket);
    socket.destroySoon();
  });
  return res;
}

async function start(server: Server, { host, port }: Listen): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new ThawError('misconfigured', `The HTTP edge cannot listen on ${host}:${port}.`, {
          hint: 'Set THAW_EDGE to an address that is free.',
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  return server.address() as AddressInfo;
}
