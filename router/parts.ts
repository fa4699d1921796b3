import type { Log } from '../platform/log.ts';

/** How one deployment may be used; all times in milliseconds. */
export interface Limits {
  /** Requests one instance takes at once before another is thawed. */
  softLimit: number;
  /** Most instances that take requests at the same time. */
  maxInstances: number;
  /** Time without a request after which an instance is ended. */
  idleMs: number;
  /** Most requests that wait for a place; the next one is answered 503. */
  queue: number;
  /** Longest a request waits for a place. */
  wakeTimeoutMs: number;
  /** Longest an instance may stay silent before the first byte of its answer. */
  responseTimeoutMs: number;
}

/** A host name of the edge and what is behind it. Plain data. */
export interface Route {
  /** Left-most label of the host name. */
  label: string;
  app: string;
  project: string;
  /** What instances belong to: two labels of one deployment use the same instances. */
  deployment: string;
  kind: 'function' | 'web' | 'static';
  /** Port inside the guest that answers HTTP. */
  port: number;
  limits: Limits;
}

/** A thawed VM, as far as the edge needs to know it. */
export interface Instance {
  id: string;
  /** Address at which this machine reaches the guest. */
  address: string;
  port: number;
  /** Where the time of the thaw went, in milliseconds, in order. */
  phases: Record<string, number>;
  /** True for one that went on from its own snapshot instead of being cloned from a template. */
  resumed?: boolean;
}

/** Where to listen. */
export interface Listen {
  host: string;
  port: number;
}

/** All that the edge is handed. It opens no database and knows no VM. */
export interface EdgeParts {
  /** The route of a label; called for each request, so it answers from memory. */
  resolve(label: string): Route | undefined;
  /**
   * Thaws one instance of a route's deployment; resolves when the code in it answers.
   *
   * @throws ThawError what the waiting clients are to be told
   */
  thaw(route: Route, signal: AbortSignal): Promise<Instance>;
  /** Ends an instance; ending one that is gone is no error. */
  end(instance: string): Promise<void>;
  /** Background work that an instance still has; above 0 it is not ended yet. */
  pending(instance: string, signal: AbortSignal): Promise<number>;
  log: Log;
  /** Apps are `<label>.<domain>`. */
  domain: string;
  /** A clock that never goes back, in milliseconds, e.g. `performance.now`. */
  now(): number;
  /** Makes request ids; default: random UUIDs. */
  newRequestId?(): string;
  /** What happens to idle instances when the edge closes; default `end`. */
  atClose?: 'keep' | 'end';
  /** Longest that closing waits for requests that are being answered, in milliseconds; default 10 seconds. */
  graceMs?: number;
}

/** How the instance that answers came to be there: thawed for this request, woken from its own snapshot, or running already. */
export type Start = 'cold' | 'resumed' | 'warm';
