import type { Socket } from 'node:net';
import { ThawError } from '../platform/errors.ts';
import type { Lease } from './lease.ts';
import type { Route } from './parts.ts';
import type { AnswerHead } from './wire/answer.ts';
import type { Connection, Outgoing } from './wire/connection.ts';
import type { Roundtrip, Taker, Waiting } from './wire/roundtrip.ts';

/** Longest that an instance may take to accept a connection. A VM that is gone answers nothing at all. */
const CONNECT_TIMEOUT_MS = 3000;

/** A request on its way to an instance. */
export interface Call extends Outgoing {
  /** Where it goes first. */
  route: Route;
  /** Where it goes when it is tried again: another deployment may have come in front meanwhile. */
  routeNow(): Route;
  /** Sending it twice does no harm: idempotent and without a body. */
  repeatable: boolean;
  /** Sends the body, if there is one; `progress` is to be called for each piece. */
  sendBody(up: Roundtrip, progress: () => void): void;
  /** An interim answer came (100, 102, 103). */
  interim(head: AnswerHead): void;
  /**
   * The answer has begun; the lease is the callee's to release.
   *
   * @returns who takes the rest of it
   * @throws ThawError for an answer that cannot be passed on
   */
  answered(reached: Reached, up: Roundtrip): Taker;
  /** The instance agreed to switch protocols; as `answered`. Absent where that was not asked for. */
  switched?(reached: Reached, socket: Socket, first: Buffer): void;
  /** Has the client left? */
  gone(): boolean;
  /** Fires when the client leaves. */
  signal(): AbortSignal;
  /** Called with each request that is sent to an instance, so that it can be broken off. */
  sending(up: Roundtrip): void;
}

/** Where an answer comes from, and how it begins. */
export interface Reached {
  /** Where the request went in the end. */
  route: Route;
  lease: Lease;
  answer: AnswerHead;
}

/** What became of one try. */
export type Outcome =
  | { kind: 'answered'; reached: Reached }
  /** What the call threw at the answer. */
  | { kind: 'refused'; error: unknown }
  | { kind: 'unreachable'; cause: unknown }
  | { kind: 'broken'; reused: boolean; cause: unknown }
  | { kind: 'silent'; stalled: boolean };

/** One request to one instance, up to the head of its answer. Never rejects. */
export async function attempt(call: Call, route: Route, lease: Lease, fresh: boolean): Promise<Outcome> {
  const { connections, instance } = lease;
  let connection = fresh ? undefined : connections.take();
  if (connection === undefined) {
    try {
      connection = await connections.open(instance.address, instance.port, CONNECT_TIMEOUT_MS, call.signal());
    } catch (cause) {
      return { kind: 'unreachable', cause };
    }
  }
  if (call.gone()) {
    connection.destroy();
    return { kind: 'broken', reused: false, cause: undefined };
  }
  return new Attempt(call, route, lease).on(connection);
}

/** Told of an answer that nobody wants. */
const NOBODY: Taker = { data: () => {}, lull: () => {}, end: () => {}, cut: () => {} };

class Attempt implements Waiting {
  readonly #call: Call;
  readonly #route: Route;
  readonly #lease: Lease;
  readonly #settled = Promise.withResolvers<Outcome>();
  #up: Roundtrip | undefined;
  #reused = false;
  /** Fires when the instance has been silent for too long. */
  #timer: NodeJS.Timeout | undefined;

  constructor(call: Call, route: Route, lease: Lease) {
    this.#call = call;
    this.#route = route;
    this.#lease = lease;
  }

  on(connection: Connection): Promise<Outcome> {
    const call = this.#call;
    this.#reused = connection.used;
    try {
      this.#up = connection.send(call, this);
    } catch (cause) {
      connection.destroy();
      const error = new ThawError('invalid_input', 'The request cannot be passed on.', { cause });
      return Promise.resolve({ kind: 'refused', error });
    }
    this.#timer = setTimeout(() => this.#silent(), this.#route.limits.responseTimeoutMs);
    call.sending(this.#up);
    if (call.body !== 'none') call.sendBody(this.#up, () => this.#timer?.refresh());
    return this.#settled.promise;
  }

  interim(head: AnswerHead): void {
    this.#call.interim(head);
  }

  begin(answer: AnswerHead): Taker {
    const reached = { route: this.#route, lease: this.#lease, answer };
    try {
      const taker = this.#call.answered(reached, this.#up as Roundtrip);
      this.#settle({ kind: 'answered', reached });
      return taker;
    } catch (error) {
      this.#settle({ kind: 'refused', error });
      this.#up?.destroy();
      return NOBODY;
    }
  }

  switched(answer: AnswerHead, socket: Socket, first: Buffer): void {
    if (this.#call.switched === undefined) {
      socket.destroy();
      this.broken(new Error('The answer switches protocols, though nobody asked for that.'));
      return;
    }
    const reached = { route: this.#route, lease: this.#lease, answer };
    this.#call.switched(reached, socket, first);
    this.#settle({ kind: 'answered', reached });
  }

  broken(cause: unknown): void {
    this.#settle({ kind: 'broken', reused: this.#reused, cause });
  }

  #silent(): void {
    const up = this.#up;
    // Not all of the body has come, and the instance would take more: the client is the silent one.
    const stalled = up !== undefined && !up.sent && !up.owed;
    this.#settle({ kind: 'silent', stalled });
    up?.destroy();
  }

  #settle(outcome: Outcome): void {
    clearTimeout(this.#timer);
    this.#settled.resolve(outcome);
  }
}
