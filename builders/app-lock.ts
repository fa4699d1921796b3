import { Queue } from './queue.ts';

/** One deployment at a time for each app, whether it was pushed or uploaded. */
export class AppLock {
  readonly #queues = new Map<string, Queue>();

  /**
   * @param app the app's id
   * @param onWait called when another one is under way
   * @throws ThawError `cancelled` when `signal` fires first
   */
  async acquire(app: string, onWait: () => void, signal?: AbortSignal): Promise<Disposable> {
    const queue = this.#queues.get(app) ?? new Queue(1);
    this.#queues.set(app, queue);
    const place = await queue.enter(onWait, signal);
    return {
      [Symbol.dispose]: () => {
        place[Symbol.dispose]();
        if (queue.idle && this.#queues.get(app) === queue) this.#queues.delete(app);
      },
    };
  }
}
