import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Instance, Route, Start } from './parts.ts';

/** Free connections kept to one instance. */
const FREE_CONNECTIONS = 64;

/** One instance at the edge: its load, and the connections to it. */
export class Resident {
  readonly instance: Instance;
  readonly route: Route;
  /** Keeps connections to the instance's port; goes with the instance. */
  readonly agent = new Agent({ keepAlive: true, maxFreeSockets: FREE_CONNECTIONS });
  /** Connections that the agent does not know of: upgraded ones. */
  readonly #raw = new Set<Duplex>();
  /** Requests being answered. */
  requests = 0;
  /** Connections that stay open for as long as they like: WebSockets, event streams. */
  lasting = 0;
  /** Takes no more requests; ended as soon as it is idle. */
  retired = false;
  /** Its connections are closed and it is in no list any more. */
  gone = false;
  /** Counts uses: tells whether it was used since someone looked. */
  uses = 0;
  /** Fires when it has been idle long enough. */
  idleTimer: NodeJS.Timeout | undefined;
  /** Since when background work alone keeps it; on the edge's clock. */
  pendingSince: number | undefined;

  constructor(instance: Instance, route: Route) {
    this.instance = instance;
    this.route = route;
  }

  get idle(): boolean {
    return this.requests + this.lasting === 0;
  }

  /** Destroys `socket` when the instance goes. */
  hold(socket: Duplex): void {
    if (this.gone) {
      socket.destroy();
      return;
    }
    this.#raw.add(socket);
    socket.once('close', () => this.#raw.delete(socket));
  }

  /** Closes every connection to it: a VM that is gone sends no reset. */
  cut(): void {
    this.gone = true;
    clearTimeout(this.idleTimer);
    this.agent.destroy();
    for (const socket of this.#raw) socket.destroy();
  }
}

/** One request's place on an instance. Give it back with `release`, always. */
export interface Lease {
  readonly instance: Instance;
  readonly agent: Agent;
  readonly start: Start;
  /** When the place was there, on the edge's clock. */
  readonly placed: number;
  /** How long before that an instance was being thawed for it, in milliseconds; 0 for one that was running. */
  readonly thawMs: number;
  /** The request became a connection that stays; it no longer counts as a request once all instances are up. */
  last(): void;
  /** Destroys `socket` when the instance goes. */
  hold(socket: Duplex): void;
  /** The instance does not answer as it should: no more requests to it, and it ends once nothing uses it. */
  retire(reason: string): void;
  /** Gives the place back; once is enough, more does nothing. */
  release(): void;
}
