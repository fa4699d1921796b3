/** Apps that have series of their own. One app has some dozens, and a scrape writes them all while requests wait. */
const MOST_APPS = 2000;
/** Stands for all apps past the bound; an app that is really called so counts with them. */
export const REST = 'other';

/** The values of the label `app`, bounded: who comes first has its own, the rest share one. */
export class AppLabels {
  readonly #most: number;
  readonly #own = new Set<string>();

  constructor(most = MOST_APPS) {
    this.#most = most;
  }

  /** The label under which an app is counted from now on. */
  of(app: string): string {
    if (this.#own.has(app)) return app;
    if (this.#own.size >= this.#most) return REST;
    this.#own.add(app);
    return app;
  }

  /**
   * Labels for what is read anew each time. They agree with `of`, and an app that is only seen here keeps nothing: its
   * last instance may outlive it.
   */
  once(): (app: string) => string {
    const seen = new Set<string>();
    return (app) => {
      if (this.#own.has(app) || seen.has(app)) return app;
      if (this.#own.size + seen.size >= this.#most) return REST;
      seen.add(app);
      return app;
    };
  }

  /** Makes room for another app. */
  forget(app: string): void {
    this.#own.delete(app);
  }
}
