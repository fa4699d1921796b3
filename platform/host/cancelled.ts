import { ThawError } from '../errors.ts';

/** Waits for something that goes on without us. @throws ThawError `cancelled` when `signal` fires first */
export async function unlessCancelled<T>(going: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return going;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(cancelled(signal));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([going, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What the host throws once `signal` has fired: the signal's own reason when that says more. */
export function cancelled({ reason }: AbortSignal): ThawError {
  if (reason instanceof ThawError) return reason;
  return new ThawError('cancelled', 'The operation was cancelled.', { cause: reason });
}
