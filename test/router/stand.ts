import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog } from '../../platform/log.ts';
import { type Edge, openEdge } from '../../router/edge.ts';
import type { EdgeParts, Instance, Limits, Route } from '../../router/parts.ts';
import { RouteTable } from '../../router/table.ts';

/** An edge on loopback; each of its instances is a real HTTP server on a port of its own. */
export interface Stand extends AsyncDisposable {
  edge: Edge;
  port: number;
  table: RouteTable;
  /** Ids of instances in the order in which they were thawed and ended. */
  thawed: string[];
  ended: string[];
  /** Ids in the order in which they were put to sleep and woken. */
  slept: string[];
  woken: string[];
  /** What reached a server while it slept: a frozen VM would have answered nothing. */
  disturbances: string[];
  /** Thaws that were broken off. */
  aborted: number;
  /** The servers that run, by instance. */
  servers: Map<string, Server>;
  /** Background work that every instance says it has. */
  pending: number;
  /** Breaks an instance as a crash of its process would: its port is closed, its connections are reset. */
  crash(instance: string): Promise<void>;
  /** Opens a raw connection to the edge. */
  dial(): Promise<Socket>;
}

export interface StandOptions {
  /** What each instance answers; told the number of the instance, from 1. */
  app: (instance: number) => RequestListener;
  /** Called with each new instance's server, e.g. to add an `upgrade` listener. */
  prepare?: (server: Server, instance: number) => void;
  limits?: Partial<Limits>;
  /** Runs before an instance starts; what it throws, the thaw throws. */
  beforeThaw?: (attempt: number, signal: AbortSignal) => Promise<void>;
  /** Run before an instance has fallen asleep, or is awake. */
  beforeSleep?: (id: string) => Promise<void>;
  beforeWake?: (id: string, signal: AbortSignal) => Promise<void>;
  parts?: Partial<EdgeParts>;
}

/** Time that a freeze takes; what the edge sent before arrives meanwhile. */
const FREEZE_MS = 10;

/** The connections that a server has. */
function watchSockets(server: Server): Set<Socket> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

export function routeTo(label: string, limits: Partial<Limits> = {}): Route {
  return {
    label,
    app: label,
    project: 'default',
    deployment: `d-${label}`,
    kind: 'function',
    port: 80,
    limits: {
      softLimit: 20,
      hardLimit: limits.softLimit ?? 20,
      minInstances: 0,
      maxInstances: 4,
      idleMs: 60_000,
      sleep: 'stop',
      queue: 100,
      wakeTimeoutMs: 5000,
      responseTimeoutMs: 5000,
      ...limits,
    },
  };
}

/** An instance that answers with `app`, on loopback. */
export async function startInstance(id: string, server: Server): Promise<Instance> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { id, address: '127.0.0.1', port: (server.address() as AddressInfo).port, phases: { load: 1 } };
}

/** Opens a stand with one app, `shop`, at shop.localhost. */
export async function openStand(options: StandOptions): Promise<Stand> {
  const table = new RouteTable();
  table.replace([routeTo('shop', options.limits)]);
  const servers = new Map<string, Server>();
  const sockets = new Map<string, Set<Socket>>();
  const asleep = new Map<string, { socket: Socket; bytes: number }[]>();
  let attempts = 0;
  const stop = (id: string) => {
    const server = servers.get(id);
    servers.delete(id);
    server?.close();
    server?.closeAllConnections();
    return server;
  };
  const parts: EdgeParts = {
    resolve: (name) => table.get(name),
    async thaw(_route, signal) {
      attempts += 1;
      signal.addEventListener('abort', () => {
        stand.aborted += 1;
      });
      await options.beforeThaw?.(attempts, signal);
      const number = stand.thawed.length + 1;
      const id = `i${number}`;
      stand.thawed.push(id);
      const server = createServer(options.app(number));
      options.prepare?.(server, number);
      servers.set(id, server);
      sockets.set(id, watchSockets(server));
      return startInstance(id, server);
    },
    async end(id) {
      stand.ended.push(id);
      stop(id);
    },
    async sleep(id) {
      await options.beforeSleep?.(id);
      await delay(FREEZE_MS);
      const open = [...(sockets.get(id) ?? [])].map((socket) => ({ socket, bytes: socket.bytesRead }));
      asleep.set(id, open);
      stand.slept.push(id);
    },
    async wake(id, signal) {
      stand.woken.push(id);
      await options.beforeWake?.(id, signal);
      for (const { socket, bytes } of asleep.get(id) ?? []) {
        if (socket.bytesRead > bytes) stand.disturbances.push('bytes');
        if (socket.readableEnded || socket.destroyed) stand.disturbances.push('end');
      }
      asleep.delete(id);
      const { port } = (servers.get(id) as Server).address() as AddressInfo;
      return { id, address: '127.0.0.1', port, phases: { load: 1 } };
    },
    pending: async () => stand.pending,
    log: silentLog(),
    domain: 'localhost',
    now: () => performance.now(),
    graceMs: 1000,
    ...options.parts,
  };
  const edge = await openEdge(parts, { host: '127.0.0.1', port: 0 });
  const stand: Stand = {
    edge,
    port: edge.listen.port,
    table,
    thawed: [],
    ended: [],
    slept: [],
    disturbances: [],
    woken: [],
    aborted: 0,
    servers,
    pending: 0,
    async crash(id) {
      const server = stop(id);
      if (server?.listening) await once(server, 'close');
    },
    async dial() {
      const socket = connect(edge.listen.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    },
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      for (const id of [...servers.keys()]) stop(id);
    },
  };
  return stand;
}
