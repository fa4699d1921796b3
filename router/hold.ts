import { ThawError } from '../platform/errors.ts';

/**
 * Deployments whose requests wait outside, before they have a place: another one is taking over what only one may have.
 * Afterwards each goes where its name leads by then.
 */
export class Holds {
  readonly #held = new Map<string, { over: PromiseWithResolvers<void>; holds: number }>();

  /** Holds the requests of a deployment until it is disposed. */
  hold(deployment: string): Disposable {
    const held = this.#held.get(deployment) ?? { over: Promise.withResolvers<void>(), holds: 0 };
    this.#held.set(deployment, held);
    held.holds += 1;
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        held.holds -= 1;
        if (held.holds > 0) return;
        this.#held.delete(deployment);
        held.over.resolve();
      },
    };
  }

  has(deployment: string): boolean {
    return this.#held.has(deployment);
  }

  /** Waits until a deployment is not held. @throws ThawError `timed_out`, `cancelled` when `signal` fires */
  async past(deployment: string, limitMs: number, signal: AbortSignal): Promise<void> {
    const held = this.#held.get(deployment);
    if (held === undefined) return;
    const { promise, reject } = Promise.withResolvers<never>();
    const left = () => reject(new ThawError('cancelled', 'The client left before its turn.'));
    const late = () =>
      reject(new ThawError('timed_out', 'The app is being replaced, which takes too long.', { hint: 'Try again.' }));
    const timer = setTimeout(late, limitMs);
    signal.addEventListener('abort', left, { once: true });
    if (signal.aborted) left();
    try {
      await Promise.race([held.over.promise, promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', left);
    }
  }
}
