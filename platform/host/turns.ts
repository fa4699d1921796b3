import { cancelled } from './cancelled.ts';

/**
 * Lets a bounded number of pieces of work run at once, first come, first served.
 * Work that keeps a processor busy is over sooner, and no later for the last,
 * when it is done one after the other than when all of it is begun at once.
 */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param places how many may run at once */
  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Waits for a turn; disposing what comes back passes it on.
   *
   * @throws ThawError `cancelled` when `signal` fires first
   */
  async enter(signal?: AbortSignal): Promise<Disposable> {
    if (signal?.aborted) throw cancelled(signal);
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
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
    else this.#free += 1;
  }
}
