import { ThawError } from '../errors.ts';

/** What the host throws once `signal` has fired: the signal's own reason when that says more. */
export function cancelled({ reason }: AbortSignal): ThawError {
  if (reason instanceof ThawError) return reason;
  return new ThawError('cancelled', 'The operation was cancelled.', { cause: reason });
}
