import type { Control } from './control/contract.ts';
import { ThawError } from './errors.ts';

/** The ids of apps by their names, remembered until something changes: an id is asked for with every group of log lines. */
export class AppIds {
  readonly #control: Pick<Control, 'apps'>;
  readonly #known = new Map<string, Promise<string | undefined>>();

  constructor(control: Pick<Control, 'apps'>) {
    this.#control = control;
  }

  /** Undefined for an app that is gone. */
  of(name: string): Promise<string | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const asked = this.#ask(name);
    this.#known.set(name, asked);
    asked.catch(() => this.#known.delete(name));
    return asked;
  }

  /** Apps may have come or gone. */
  clear(): void {
    this.#known.clear();
  }

  async #ask(name: string): Promise<string | undefined> {
    try {
      return (await this.#control.apps.get(name, null)).id;
    } catch (error) {
      if (error instanceof ThawError && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}
