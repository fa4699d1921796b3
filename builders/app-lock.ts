import type { ThawError } from '../platform/errors.ts';
import { Turns } from '../platform/turns.ts';

/** A turn at an app. */
export interface AppTurn extends Disposable {
  /** Fires when the one who has the turn goes, or when the app does. */
  readonly signal: AbortSignal;
}

interface Line {
  turns: Turns;
  end: AbortController;
  /** Resolves once nobody has or wants a turn any more. */
  over: PromiseWithResolvers<void>;
}

/** One deployment at a time for each app, whether it was pushed or uploaded. */
export class AppLock {
  readonly #lines = new Map<string, Line>();

  /**
   * @param app the app's id
   * @param onWait called when another one is under way
   * @throws ThawError `cancelled` when `signal` fires first, or what `end` was given
   */
  async acquire(app: string, onWait: () => void, signal?: AbortSignal): Promise<AppTurn> {
    const line = this.#lines.get(app) ?? {
      turns: new Turns(1),
      end: new AbortController(),
      over: Promise.withResolvers<void>(),
    };
    this.#lines.set(app, line);
    const both = signal ? AbortSignal.any([signal, line.end.signal]) : line.end.signal;
    const leave = () => {
      if (!line.turns.idle) return;
      if (this.#lines.get(app) === line) this.#lines.delete(app);
      line.over.resolve();
    };
    const turn = await line.turns.enter(both, onWait).catch((error: unknown) => {
      leave();
      throw error;
    });
    return {
      signal: both,
      [Symbol.dispose]: () => {
        turn[Symbol.dispose]();
        leave();
      },
    };
  }

  /** Breaks off all deployments to an app, the one that runs and those that wait, and resolves when they are over. */
  async end(app: string, reason: ThawError): Promise<void> {
    const line = this.#lines.get(app);
    if (line === undefined) return;
    line.end.abort(reason);
    await line.over.promise;
  }
}
