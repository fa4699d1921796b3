import type { Fleet } from './fleet.ts';
import type { LiveSandbox } from './live.ts';
import { awaken } from './sleep.ts';

/** Work in sandboxes: it finds them awake, and breaks off when they are over, which is then what it says. */
export class Using {
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** One that is not over; one that is paused goes on. @throws ThawError `not_found`, `gone`, and as `awaken` does */
  async awake(id: string, project: string | null, signal: AbortSignal): Promise<LiveSandbox> {
    const live = await this.#fleet.find(id, project);
    await awaken(this.#fleet, live, signal);
    return live;
  }

  async *each<T>(
    live: LiveSandbox,
    signal: AbortSignal,
    work: (signal: AbortSignal) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    try {
      yield* work(AbortSignal.any([signal, live.over.signal]));
    } catch (error) {
      throw await this.#why(live, signal, error);
    }
  }

  async answer<T>(live: LiveSandbox, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await work(AbortSignal.any([signal, live.over.signal]));
    } catch (error) {
      throw await this.#why(live, signal, error);
    }
  }

  async #why(live: LiveSandbox, signal: AbortSignal, error: unknown): Promise<unknown> {
    if (!live.ending || signal.aborted) return error;
    return this.#fleet.find(live.id, null).catch((over: unknown) => over);
  }
}
