import { ThawError } from './errors.ts';

/**
 * Lets a bounded number of pieces of work run at once, first come, first served.
 * Work that keeps a processor busy is over sooner, and no later for the last,
 * when it is done one after the other than when all of it is begun at once.
 */
export class Turns {
  readonly #places: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param places how many may run at once */
  constructor(places: number) {
    this.#places = places;
  }

  /** True when nothing runs and nothing waits. */
  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0;
  }

  /**
   * Waits for a turn; disposing what comes back passes it on.
   *
   * @param onWait told once, when there is no turn yet, how many are running or waiting before this one
   * @throws ThawError `cancelled`, or the signal's own reason if it is one, when `signal` fires first
   */
  async enter(signal?: AbortSignal, onWait?: (ahead: number) => void): Promise<Disposable> {
    if (signal?.aborted) throw cancelled(signal);
    if (this.#running < this.#places) {
      this.#running += 1;
    } else {
      onWait?.(this.#running + this.#waiting.length);
      await this.#wait(signal);
    }
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        this.#leave();
      },
    };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        if (signal) reject(cancelled(signal));
      };
      this.#waiting.push(start);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** A turn passes from hand to hand: one is only free when nobody waits. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}

function cancelled({ reason }: AbortSignal): ThawError {
  if (reason instanceof ThawError) return reason;
  return new ThawError('cancelled', 'The operation was cancelled while it waited.', { cause: reason });
}
