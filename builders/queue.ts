import { ThawError } from '../platform/errors.ts';

interface Waiting {
  start(): void;
}

/** Lets a bounded number of pieces of work run at once, first come, first served. */
export class Queue {
  #running = 0;
  readonly #waiting: Waiting[] = [];
  readonly #places: number;

  /** @param places how many may run at once */
  constructor(places: number) {
    this.#places = places;
  }

  /**
   * Waits for a place; disposing what comes back gives it to the next.
   *
   * @param onWait told once, when there is no place yet, how many are running or waiting before this one
   * @throws ThawError `cancelled` when `signal` fires first
   */
  async enter(onWait?: (ahead: number) => void, signal?: AbortSignal): Promise<Disposable> {
    if (signal?.aborted) throw cancelled(signal);
    if (this.#running < this.#places) {
      this.#running++;
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

  /** True when nothing runs and nothing waits. */
  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0;
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(cancelled(signal));
      };
      const waiting: Waiting = {
        start: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      this.#waiting.push(waiting);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** A place passes from hand to hand: the count only falls when nobody waits. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.start();
    else this.#running--;
  }
}

function cancelled(signal: AbortSignal | undefined): ThawError {
  if (signal?.reason instanceof ThawError) return signal.reason;
  return new ThawError('cancelled', 'The operation was cancelled while it waited.', { cause: signal?.reason });
}
