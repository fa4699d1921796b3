import { ThawError } from '../platform/errors.ts';
import type { Outcome } from './gate.ts';
import type { Route, Use } from './parts.ts';
import { noRoom } from './quota.ts';

/** What those are told who come, or still wait, when the edge closes. */
export function closing(): ThawError {
  return new ThawError('unavailable', 'The server is shutting down.', { hint: 'Try again in a moment.' });
}

/**
 * What someone is told whose wait for a place ended without one.
 *
 * @param limited the limit of the project that stood in the way
 */
export function refusal(
  outcome: Exclude<Outcome<unknown>, { kind: 'admitted' }>,
  { app, limits, project }: Route,
  limited: keyof Use | undefined,
): ThawError {
  if (outcome.kind === 'failed') return outcome.error;
  if (outcome.kind === 'gone') return new ThawError('cancelled', 'The client left before its turn.');
  if (limited !== undefined && !(outcome.kind === 'late' && outcome.waking)) {
    return noRoom(project, limited);
  }
  if (outcome.kind === 'full') {
    return new ThawError('no_room', `Too many requests wait for ${app}.`, { hint: 'Try again in a moment.' });
  }
  const seconds = `${limits.wakeTimeoutMs / 1000} seconds`;
  return outcome.waking
    ? new ThawError('timed_out', `${app} did not wake up within ${seconds}.`, { hint: 'Try again in a moment.' })
    : new ThawError('no_room', `No place came free in ${app} within ${seconds}.`, { hint: 'Try again in a moment.' });
}
