import { type ClientRequest, type IncomingMessage, type InformationEvent, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { ThawError } from '../platform/errors.ts';
import type { Lease } from './lease.ts';
import type { Limits, Route } from './parts.ts';
import type { Pool } from './pool.ts';

/*
 * From a request to the first byte of its answer: a place, a connection, the
 * request sent, and all of it again on another instance where that is safe.
 */

/** Longest that an instance may take to accept a connection. A VM that is gone answers nothing at all. */
const CONNECT_TIMEOUT_MS = 3000;

/** Instances given up, for not accepting a connection, before the client is told. */
const UNREACHABLE_LIMIT = 2;

/** Failures to connect that are this machine's, not the instance's. */
const LOCAL_FAILURES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/** A request on its way to an instance. */
export interface Call {
  /** Where it goes first. */
  route: Route;
  /** Where it goes when it is tried again: another deployment may have come in front meanwhile. */
  routeNow(): Route;
  method: string;
  path: string;
  /** Flat list of names and values. */
  headers: string[];
  /** Sending it twice does no harm: idempotent and without a body. */
  repeatable: boolean;
  /** Asks to upgrade the connection. */
  upgrade: boolean;
  /** Sends the body, once connected; `progress` is to be called for each piece. Absent: there is none. */
  sendBody?(up: ClientRequest, progress: () => void): void;
  /** An interim answer came (100, 102, 103). */
  information(info: InformationEvent): void;
  /** Has the client left? */
  gone(): boolean;
  /** Fires when the client leaves. */
  signal(): AbortSignal;
  /** Called with each request made to an instance, so that it can be broken off. */
  sending(up: ClientRequest): void;
}

/** The beginning of an instance's answer. The lease is the caller's to release. */
export interface Reached {
  /** Where the request went in the end. */
  route: Route;
  lease: Lease;
  answer: IncomingMessage;
  /** Set when the instance switched protocols: the raw connection, and what came with the answer's head. */
  upgraded: { socket: Duplex; head: Buffer } | undefined;
}

type Attempt =
  | { kind: 'answered'; answer: IncomingMessage; upgraded: Reached['upgraded'] }
  | { kind: 'unreachable'; cause: unknown }
  | { kind: 'broken'; reused: boolean; cause: unknown }
  | { kind: 'silent'; stalled: boolean };

/**
 * Sends a request to an instance with room, waking one if need be.
 *
 * @throws ThawError what Pool.wait throws; `app_crashed` when no instance could be reached, or the connection broke
 *   before an answer; `timed_out` when none came in time; `cancelled` when the client left
 */
export async function reach(pool: Pool, call: Call): Promise<Reached> {
  let unreachable = 0;
  let fresh = false;
  for (let { route } = call; ; route = call.routeNow()) {
    const { app, limits } = route;
    const lease = pool.take(route) ?? (await pool.wait(route, call.signal()).catch(unlessMoved(call, route)));
    if (lease === undefined) continue;
    const outcome = await attempt(lease, call, limits, fresh).catch((cause: unknown) => {
      lease.release();
      throw new ThawError('invalid_input', 'The request cannot be passed on.', { cause });
    });
    if (outcome.kind === 'answered') return { route, lease, answer: outcome.answer, upgraded: outcome.upgraded };
    if (call.gone()) {
      lease.release();
      throw new ThawError('cancelled', 'The client left before the answer.');
    }
    if (outcome.kind === 'unreachable') {
      const ours = LOCAL_FAILURES.has((outcome.cause as NodeJS.ErrnoException)?.code ?? '');
      if (!ours) lease.retire('unreachable');
      lease.release();
      if (ours) throw new ThawError('unavailable', 'No connection could be opened.', { cause: outcome.cause });
      unreachable += 1;
      if (unreachable < UNREACHABLE_LIMIT) continue;
      throw crashed(app, 'does not accept connections', outcome.cause);
    }
    if (outcome.kind === 'broken') {
      lease.release();
      // A kept connection may be closed by the other side just as it is used; that says nothing about the instance.
      if (outcome.reused && call.repeatable && !fresh) {
        fresh = true;
        continue;
      }
      throw crashed(app, 'closed the connection before it answered', outcome.cause);
    }
    if (!outcome.stalled) lease.retire('silent');
    lease.release();
    const seconds = `${limits.responseTimeoutMs / 1000} seconds`;
    throw outcome.stalled
      ? new ThawError('timed_out', `Nothing of the request's body came for ${seconds}.`)
      : new ThawError('timed_out', `${app} did not answer within ${seconds}.`, {
          hint: 'Its log may tell what it was doing.',
        });
  }
}

/** A wait that failed is begun anew when another deployment is in front by now: the one before may be gone. */
function unlessMoved(call: Call, route: Route): (error: unknown) => undefined {
  return (error) => {
    if (call.gone() || call.routeNow().deployment === route.deployment) throw error;
    return undefined;
  };
}

/** One request to one instance, up to the head of its answer. Rejects only for what Node refuses to send. */
function attempt(lease: Lease, call: Call, limits: Limits, fresh: boolean): Promise<Attempt> {
  return new Promise((settle) => {
    const up = request({
      host: lease.instance.address,
      port: lease.instance.port,
      method: call.method,
      path: call.path,
      headers: call.headers,
      agent: fresh ? false : lease.agent,
    });
    call.sending(up);
    let connected = false;
    let timer: NodeJS.Timeout | undefined;
    const done = (outcome: Attempt) => {
      clearTimeout(timer);
      settle(outcome);
    };
    const fail = (cause: unknown) =>
      done(connected ? { kind: 'broken', reused: up.reusedSocket, cause } : { kind: 'unreachable', cause });
    const opened = () => {
      clearTimeout(timer);
      connected = true;
      timer = setTimeout(() => {
        // Not all of the body has come, and the instance would take more: the client is the silent one.
        const stalled = call.sendBody !== undefined && !up.writableEnded && !up.writableNeedDrain;
        done({ kind: 'silent', stalled });
        up.destroy();
      }, limits.responseTimeoutMs);
      if (call.sendBody !== undefined) call.sendBody(up, () => timer?.refresh());
    };
    up.once('socket', (socket) => {
      if (fresh) lease.hold(socket);
      if (!socket.connecting) {
        opened();
        return;
      }
      timer = setTimeout(() => {
        fail(new ThawError('timed_out', 'The connection was not accepted in time.'));
        up.destroy();
      }, CONNECT_TIMEOUT_MS);
      socket.once('connect', opened);
    });
    up.on('error', fail);
    up.on('information', (info) => call.information(info));
    up.once('response', (answer) => {
      answer.on('error', () => {}); // Told by its 'close', where `complete` says whether all came.
      done({ kind: 'answered', answer, upgraded: undefined });
    });
    if (call.upgrade) {
      up.once('upgrade', (answer, socket, head) => {
        socket.on('error', () => {}); // Its 'close' follows.
        done({ kind: 'answered', answer, upgraded: { socket, head } });
      });
    }
    if (call.sendBody === undefined) up.end();
  });
}

function crashed(app: string, what: string, cause: unknown): ThawError {
  return new ThawError('app_crashed', `The code of ${app} ${what}.`, {
    hint: `If it is yours, \`thaw logs ${app}\` shows what it wrote.`,
    cause,
  });
}
