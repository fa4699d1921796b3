/** Hands every published value to all who listen at that moment. */
export class Broadcast<T> {
  readonly #listeners = new Set<(value: T) => void>();

  publish(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  /** Values from this call on, until `signal` fires. */
  subscribe(signal: AbortSignal): AsyncIterable<T> {
    const queue: T[] = [];
    let wake = () => {};
    const listener = (value: T) => {
      queue.push(value);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => wake(), { once: true });
    const listeners = this.#listeners;
    return (async function* () {
      try {
        while (!signal.aborted) {
          while (queue.length > 0) yield queue.shift() as T;
          if (signal.aborted) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        listeners.delete(listener);
      }
    })();
  }
}
