import { ThawError } from '../platform/errors.ts';
import type { Outcome } from './gate.ts';
import type { Route } from './parts.ts';

/** What those are told who come, or still wait, when the edge closes. */
export function closing(): ThawError {
  return new ThawError('unavailable', 'The server is shutting down.', { hint: 'Try again in a moment.' });
}

/**
 * What someone is told whose wait for a place ended without one.
 *
 * @param limited the project had as many instances as it may
 */
export function refusal(
  outcome: Exclude<Outcome<unknown>, { kind: 'admitted' }>,
  { app, limits, project }: Route,
  limited: boolean,
): ThawError {
  if (outcome.kind === 'failed') return outcome.error;
  if (outcome.kind === 'gone') return new ThawError('cancelled', 'The client left before its turn.');
  if (limited && !(outcome.kind === 'late' && outcome.waking)) {
    return new ThawError('no_room', `All instances that the project ${project} may have are taken.`, {
      hint: 'Try again in a moment, or ask the operator for more.',
      limit: 'instances',
    });
  }
  if (outcome.kind === 'full') {
    return new ThawError('no_room', `Too many requests wait for ${app}.`, { hint: 'Try again in a moment.' });
  }
  const seconds = `${limits.wakeTimeoutMs / 1000} seconds`;
  return outcome.waking
    ? new ThawError('timed_out', `${app} did not wake up within ${seconds}.`, { hint: 'Try again in a moment.' })
    : new ThawError('no_room', `No place came free in ${app} within ${seconds}.`, { hint: 'Try again in a moment.' });
}
