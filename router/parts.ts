import type { ErrorCode } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';

/** How one deployment may be used; all times in milliseconds. */
export interface Limits {
  /** Requests one instance takes at once before another is thawed. */
  softLimit: number;
  /** Most requests one instance takes at once; at least the soft limit. Past it they wait. */
  hardLimit: number;
  /** Instances that are kept up, and made ahead, while the deployment is in front; at most `maxInstances`. */
  minInstances: number;
  /** Most instances that take requests at the same time. */
  maxInstances: number;
  /** Time without a request after which an instance is ended or put to sleep. */
  idleMs: number;
  /** What an idle instance comes to: it is ended, or frozen as it is and woken later. */
  sleep: 'stop' | 'freeze';
  /** Most requests that wait for a place; the next one is answered 503. */
  queue: number;
  /** Longest a request waits for a place. */
  wakeTimeoutMs: number;
  /** Longest an instance may stay silent before the first byte of its answer. */
  responseTimeoutMs: number;
}

/** How much a project may ask for; shared by all of its routes. */
export interface RateLimit {
  /** Requests per second in the long run. */
  requestsPerSecond: number;
  /** Most requests at once after a pause; at least 1. */
  burst: number;
}

/** A host name of the edge and what is behind it. Plain data. */
export interface Route {
  /** Left-most label below the edge's domain; or, told apart by its dots, a whole host name, `*.` included. */
  label: string;
  app: string;
  project: string;
  /** What instances belong to: two names of one deployment use the same instances. */
  deployment: string;
  /** False when only the deployment's own name leads to it, and no app's or branch's does. Default: true. */
  front?: boolean;
  kind: 'function' | 'web' | 'static';
  /** Port inside the guest that answers HTTP. */
  port: number;
  limits: Limits;
  /** Default: no limit. */
  rateLimit?: RateLimit;
  /** What one of its instances takes while it is awake. Default: an instance, and nothing else that is counted. */
  takes?: Use;
  /** Most that all instances of the project that are awake may take together; what is absent is not limited. */
  projectMost?: Partial<Use>;
  /** Only who carries a token gets there; `admits` knows which. */
  guarded?: true;
  /** Beginnings of the only paths that are led there; absent: all are. */
  paths?: readonly string[];
}

/** What instances take of a project's limits. */
export interface Use {
  instances: number;
  memoryMiB: number;
  /** Processors; parts of one are possible. */
  cpus: number;
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
  /** The route of a label or of a whole host name; called for each request, so it answers from memory. */
  resolve(name: string): Route | undefined;
  /** Whether a token lets its bearer to a guarded route; absent: none does. Called for each request. */
  admits?(token: string, route: Route): boolean;
  /**
   * Thaws one instance of a route's deployment; resolves when the code in it answers.
   *
   * @throws ThawError what the waiting clients are to be told
   */
  thaw(route: Route, signal: AbortSignal): Promise<Instance>;
  /** Ends an instance, asleep or awake; ending one that is gone is no error. */
  end(instance: string): Promise<void>;
  /**
   * Freezes an idle instance as it is, its open connections included. When it fails, the edge ends the instance.
   *
   * @throws ThawError why it cannot be frozen
   */
  sleep(instance: string): Promise<void>;
  /**
   * Lets a sleeping instance go on; resolves when it takes connections at the same address again. When it fails, the
   * edge ends the instance.
   *
   * @param signal fires when the instance is not wanted any more, e.g. as the edge closes
   * @throws ThawError why it did not wake up
   */
  wake(instance: string, signal: AbortSignal): Promise<Instance>;
  /** Background work that an instance still has; above 0 it is not ended yet. */
  pending(instance: string, signal: AbortSignal): Promise<number>;
  log: Log;
  /** Apps are `<label>.<domain>`. */
  domain: string;
  /** A clock that never goes back, in milliseconds, e.g. `performance.now`. */
  now(): number;
  /** Told of each request when it is over; it must be quick, for the edge waits for it. */
  finished?(request: Finished): void;
  /** Makes request ids; default: random UUIDs. */
  newRequestId?(): string;
  /** Makes the `traceparent` of requests that come without a valid one; default: random. */
  newTraceparent?(): string;
  /**
   * What happens to instances when the edge closes; `sleep`: those that freeze when they are idle are put to sleep, all
   * others are ended. Default `end`.
   */
  atClose?: 'keep' | 'end' | 'sleep';
  /** Longest that closing waits for requests that are being answered, in milliseconds; default 10 seconds. */
  graceMs?: number;
}

/** How the instance that answers came to be there: thawed for this request, woken from its own snapshot, or running already. */
export type Start = 'cold' | 'resumed' | 'warm';

/** A request that is over. An upgraded connection is over when it is closed. Times are in milliseconds. */
export interface Finished {
  /** Where it went; undefined when it named no app. */
  route: Pick<Route, 'app' | 'project' | 'deployment'> | undefined;
  requestId: string;
  /** Of the W3C trace context that it came with, or that the edge made: 32 hex digits. */
  traceId: string;
  method: string;
  /** Without the query, which may hold secrets. */
  path: string;
  /** The status that was sent; 499 when the client left before. */
  status: number;
  /** What went wrong, where the edge answered and no instance. */
  code: ErrorCode | undefined;
  /** The answer broke off: the client left, or the instance did. */
  cut: boolean;
  /** Undefined when no instance answered. */
  instance: string | undefined;
  start: Start | undefined;
  /** Bytes sent to the client, heads included. */
  bytes: number;
  /** From its head to the beginning of its answer; undefined when there was none. */
  answeredMs: number | undefined;
  /** From its head to its end. */
  ms: number;
}
