import { ThawError } from '../platform/errors.ts';
import { attempt, type Call, type Reached } from './attempt.ts';
import type { Route } from './parts.ts';
import type { Pool } from './pool.ts';

/*
 * From a request to the first byte of its answer: a place, a connection, the
 * request sent, and all of it again on another instance where that is safe.
 */

/** Instances given up, for not accepting a connection, before the client is told. */
const UNREACHABLE_LIMIT = 2;

/** Failures to connect that are this machine's, not the instance's. */
const LOCAL_FAILURES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/**
 * Sends a request to an instance with room, waking one if need be.
 *
 * @returns how it was reached, once the answer has begun
 * @throws ThawError what Pool.wait throws; `app_crashed` when no instance could be reached, or the connection broke
 *   before an answer; `timed_out` when none came in time; `cancelled` when the client left; what the call throws
 */
export async function reach(pool: Pool, call: Call): Promise<Reached> {
  let unreachable = 0;
  let fresh = false;
  for (let { route } = call; ; route = call.routeNow()) {
    const { app, limits } = route;
    if (pool.holds.has(route.deployment)) {
      await pool.holds.past(route.deployment, limits.wakeTimeoutMs, call.signal());
      continue;
    }
    const lease = pool.take(route) ?? (await pool.wait(route, call.signal()).catch(unlessMoved(call, route)));
    if (lease === undefined) continue;
    const outcome = await attempt(call, route, lease, fresh);
    if (outcome.kind === 'answered') return outcome.reached;
    if (outcome.kind === 'refused') {
      lease.release();
      throw outcome.error;
    }
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

function crashed(app: string, what: string, cause: unknown): ThawError {
  return new ThawError('app_crashed', `The code of ${app} ${what}.`, {
    hint: `If it is yours, \`thaw logs ${app}\` shows what it wrote.`,
    cause,
  });
}
