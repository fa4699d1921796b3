import { ThawError } from '../errors.ts';
import type { SandboxEvent } from './contract.ts';

/** Events that wait for a listener who does not take them; past that it has missed some, and is told so. */
const MOST_WAITING = 1000;

/** Tells what becomes of sandboxes to all who listen at that moment. */
export class Feed {
  readonly #listeners = new Set<(event: SandboxEvent) => void>();

  publish(event: SandboxEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /**
   * Events from this call on, until `signal` fires.
   *
   * @throws ThawError `unavailable` when too many wait to be taken
   */
  subscribe(wanted: (event: SandboxEvent) => boolean, signal: AbortSignal): AsyncIterable<SandboxEvent> {
    const queue: SandboxEvent[] = [];
    let wake = () => {};
    let missed = false;
    const listener = (event: SandboxEvent) => {
      if (!wanted(event)) return;
      if (queue.length < MOST_WAITING) queue.push(event);
      else missed = true;
      wake();
    };
    const listeners = this.#listeners;
    listeners.add(listener);
    const stop = () => {
      listeners.delete(listener);
      wake();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return (async function* () {
      try {
        while (!signal.aborted) {
          for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield next;
          if (missed) throw new ThawError('unavailable', 'Events were missed: they were not read fast enough.');
          if (signal.aborted) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        signal.removeEventListener('abort', stop);
        stop();
      }
    })();
  }
}
