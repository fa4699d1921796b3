import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ThawError } from '../../platform/errors.ts';
import type { Listen } from '../parts.ts';
import { Bed } from './bed.ts';
import { type Destination, findDestination } from './destination.ts';
import { greet } from './greeting.ts';
import type { PostgresEdgeParts, Upstream } from './parts.ts';
import { type Refusal, writeCancel, writeFatal, writeStartup } from './protocol.ts';
import { finish, Session } from './session.ts';

/** Longest from a connection to its startup packet, TLS included. */
const GREETING_MS = 10_000;
/** Most connections that have not said what they want. */
const MOST_GREETING = 1000;
/** Most sessions in all. */
const MOST_SESSIONS = 20_000;
const CONNECT_MS = 5000;
const DIALS = 6;
const DIAL_PAUSE_MS = 150;

/** Where clients of databases connect. */
export class PostgresEdge implements AsyncDisposable {
  readonly #parts: PostgresEdgeParts;
  readonly #beds = new Map<string, Bed>();
  readonly #servers: Server[] = [];
  readonly #greeting = new Set<Socket>();
  readonly #closing = new AbortController();
  #sessions = 0;
  #listen: Listen = { host: '', port: 0 };

  constructor(parts: PostgresEdgeParts) {
    this.#parts = parts;
  }

  /** Where it listens for everybody. */
  get listen(): Listen {
    return this.#listen;
  }

  /**
   * Takes connections at an address: the one that `listen` tells, or one more.
   *
   * @throws ThawError `misconfigured` when it is taken
   */
  async open({ host, port }: Listen, more?: 'more'): Promise<void> {
    const server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => void this.#accept(socket));
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (cause) {
      throw new ThawError('misconfigured', `The Postgres edge cannot listen on ${host}:${port}.`, {
        hint: 'Another server may run there; set THAW_PG to an address that is free.',
        cause,
      });
    }
    this.#servers.push(server);
    if (more === undefined) this.#listen = { host, port: (server.address() as AddressInfo).port };
  }

  /** Whether a database was asked for here, or is watched. */
  knows(database: string): boolean {
    return this.#beds.has(database);
  }

  /** Puts a database to sleep when nothing is under way on its sessions. @returns whether it sleeps */
  async sleep(database: string): Promise<boolean> {
    return (await this.#beds.get(database)?.sleep()) ?? false;
  }

  /** What became of a database's VM without the edge. */
  changed(database: string, now: 'gone' | 'awake' | 'asleep', upstream?: Upstream): void {
    this.#beds.get(database)?.changed(now, upstream);
  }

  /** Sees to it that a database is watched, so that it falls asleep though nobody connects. */
  watch(endpoint: string, now: 'awake' | 'asleep', upstream?: Upstream): void {
    const route = this.#parts.resolve(endpoint);
    if (route !== undefined) this.#bed(route).changed(now, upstream);
  }

  /** Sends away all who use databases that are no more. */
  keep(databases: ReadonlySet<string>): void {
    for (const [id, bed] of this.#beds) {
      if (databases.has(id)) continue;
      bed.close(new ThawError('gone', 'The database was removed.'));
      this.#beds.delete(id);
    }
  }

  /** Clients that are connected to a database. */
  connections(database: string): { direct: number; pooled: number } {
    const sessions = [...(this.#beds.get(database)?.sessions ?? [])];
    const pooled = sessions.filter((session) => session.pooled).length;
    return { direct: sessions.length - pooled, pooled };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const closed = this.#servers.map((server) => {
      const done = once(server, 'close');
      server.close();
      return done;
    });
    for (const socket of this.#greeting) socket.destroy();
    const error = new ThawError('unavailable', 'The server is stopping.', { hint: 'Connect again in a moment.' });
    for (const bed of this.#beds.values()) bed.close(error);
    await Promise.all(closed);
  }

  async #accept(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    if (this.#greeting.size >= MOST_GREETING || this.#closing.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#greeting.add(socket);
    const address = socket.remoteAddress ?? '';
    const limit = AbortSignal.any([AbortSignal.timeout(GREETING_MS), this.#closing.signal]);
    const greeting = await greet(socket, this.#parts.certificate, limit).finally(() => this.#greeting.delete(socket));
    if (greeting.kind === 'refused') this.#refuse(greeting.socket, greeting.refusal);
    else if (greeting.kind === 'cancel') this.#cancel(greeting.key);
    else if (greeting.kind === 'session') {
      const { startup, serverName } = greeting;
      const project = this.#parts.reaches === undefined ? null : await this.#parts.reaches(address);
      const destination = findDestination(startup, serverName, (endpoint) => {
        const route = project === undefined ? undefined : this.#parts.resolve(endpoint);
        return project === null || route?.project === project ? route : undefined;
      });
      if (!('route' in destination)) this.#refuse(greeting.socket, destination);
      else await this.#begin(greeting.socket, destination);
    }
  }

  #bed(route: Destination['route']): Bed {
    const known = this.#beds.get(route.database);
    if (known !== undefined) {
      known.route = route;
      return known;
    }
    const bed = new Bed(this.#parts, route);
    this.#beds.set(route.database, bed);
    return bed;
  }

  async #begin(client: Socket, { route, pooled, startup }: Destination): Promise<void> {
    if (this.#sessions >= MOST_SESSIONS) {
      this.#refuse(client, { sqlState: '53300', message: 'There are too many connections.' });
      return;
    }
    this.#sessions += 1;
    const bed = this.#bed(route);
    const left = new AbortController();
    const leave = () => left.abort();
    client.once('close', leave);
    client.on('error', () => {});
    let session: Session | undefined;
    try {
      const reached = await bed.reach(AbortSignal.any([left.signal, this.#closing.signal]));
      if (reached === 'gone') client.destroy();
      else if ('refusal' in reached) this.#refuse(client, reached.refusal);
      else {
        const { address, directPort, pooledPort } = reached.upstream;
        const server = await dial(address, pooled ? pooledPort : directPort);
        if (server === undefined) {
          const message = `The database "${route.name}" takes no connection.`;
          this.#refuse(client, { sqlState: '57P03', message, hint: 'Try again in a moment.' });
          this.#parts.unreachable(route.database).catch((err: unknown) => {
            this.#parts.log.warn(
              { database: route.name, err },
              'a database that takes no connection could not be looked at',
            );
          });
        } else {
          server.write(writeStartup(startup));
          session = new Session(client, server, pooled, bed);
          server.once('close', () => {
            this.#sessions -= 1;
          });
          this.#parts.observe?.({ kind: 'connected' });
        }
      }
    } finally {
      client.off('close', leave);
      bed.opened(session);
      if (session === undefined) this.#sessions -= 1;
    }
  }

  /** Passes it on to the session with this key, when that has something to cancel. Who asks is told nothing. */
  #cancel(key: Buffer): void {
    for (const bed of this.#beds.values()) {
      if (bed.state !== 'awake') continue;
      for (const { standing, pooled } of bed.sessions) {
        const known = standing.key;
        if (standing.rests || known === undefined || !known.shown.equals(key)) continue;
        void bed.reach(this.#closing.signal).then(async (reached) => {
          bed.opened(undefined);
          if (typeof reached === 'string' || !('upstream' in reached)) return;
          const { address, directPort, pooledPort } = reached.upstream;
          const server = await dial(address, pooled ? pooledPort : directPort);
          server?.end(writeCancel(known.own));
        });
        return;
      }
    }
  }

  #refuse(client: Socket, refusal: Refusal): void {
    this.#parts.observe?.({ kind: 'refused' });
    this.#parts.log.debug({ ...refusal }, 'a connection to a database was refused');
    client.resume();
    client.write(writeFatal(refusal));
    finish(client);
  }
}

/** A connection to a database, or nothing when it does not come about in time. A pool that begins anew takes a moment. */
async function dial(host: string, port: number): Promise<Socket | undefined> {
  for (let tries = 1; ; tries += 1) {
    const socket = await dialOnce(host, port);
    if (socket !== undefined || tries === DIALS) return socket;
    await delay(DIAL_PAUSE_MS);
  }
}

function dialOnce(host: string, port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => socket.destroy(), CONNECT_MS);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}
