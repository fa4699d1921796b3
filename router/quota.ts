/** What waits for a project to have one instance fewer. */
export interface Waiting {
  /** Still needs one. */
  readonly needy: boolean;
  /** There may be room. Called once; it may wait again. */
  freed(): void;
}

/** An instance that may count among those of its project. */
interface Counted {
  readonly route: { readonly project: string };
  counted: boolean;
}

/** How many instances of each project are awake or on their way, and who waits for one fewer. */
export class Quota {
  readonly #used = new Map<string, number>();
  /** In order of arrival. */
  readonly #waiting = new Map<string, Set<Waiting>>();

  has(project: string, most: number | undefined): boolean {
    return most === undefined || (this.#used.get(project) ?? 0) < most;
  }

  /** Counts one more, allowed or not: what runs, runs. */
  take(project: string): void {
    this.#used.set(project, (this.#used.get(project) ?? 0) + 1);
  }

  /** One fewer: those who wait are told, the first to come first. */
  give(project: string): void {
    const left = (this.#used.get(project) ?? 0) - 1;
    if (left > 0) this.#used.set(project, left);
    else this.#used.delete(project);
    const waiting = this.#waiting.get(project);
    this.#waiting.delete(project);
    for (const one of waiting ?? []) one.freed();
  }

  /** Counts an instance, allowed or not, unless it counts already. */
  count(one: Counted): void {
    if (one.counted) return;
    one.counted = true;
    this.take(one.route.project);
  }

  uncount(one: Counted): void {
    if (!one.counted) return;
    one.counted = false;
    this.give(one.route.project);
  }

  /** @returns false when it waits already */
  wait(project: string, one: Waiting): boolean {
    const waiting = this.#waiting.get(project);
    if (waiting?.has(one)) return false;
    if (waiting === undefined) this.#waiting.set(project, new Set([one]));
    else waiting.add(one);
    return true;
  }

  leave(project: string, one: Waiting): void {
    const waiting = this.#waiting.get(project);
    if (waiting?.delete(one) && waiting.size === 0) this.#waiting.delete(project);
  }

  /** Does anyone but `one` need an instance of the project to go? */
  needed(project: string, one: Waiting): boolean {
    for (const other of this.#waiting.get(project) ?? []) if (other !== one && other.needy) return true;
    return false;
  }
}
