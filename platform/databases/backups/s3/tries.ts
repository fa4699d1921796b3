import { setTimeout as delay } from 'node:timers/promises';
import { isPassing } from './refusal.ts';

/** Pauses between tries, in milliseconds; one try more than there are pauses. */
const PAUSES_MS = [200, 1000, 4000];

/** Does it again after a while when the store could not at the moment. */
export async function inTries<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error)) throw error;
    }
    await delay(pause, undefined, { signal });
  }
  return work();
}
