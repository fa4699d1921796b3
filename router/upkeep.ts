import type { Limits } from './parts.ts';

/** An instance that ends by itself within this time counts as one that failed. */
const YOUNG_MS = 60_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** Failures that are as long ago as this are forgotten. */
const FORGET_MS = 5 * 60_000;

/** What is kept up. */
interface Kept {
  /** How many take requests. */
  readonly open: number;
  readonly limits: Limits;
  readonly gate: { readonly starting: number; ahead(limits: Limits): boolean };
  fill(): void;
}

/**
 * Keeps the least number of a deployment's instances up. After failures it takes
 * its time, twice as long after each: code that ends at once is not started over
 * and over.
 */
export class Upkeep {
  readonly #lane: Kept;
  readonly #now: () => number;
  #minimum = 0;
  #failures = 0;
  #failedAt = 0;
  #pause: NodeJS.Timeout | undefined;

  constructor(lane: Kept, now: () => number) {
    this.#lane = lane;
    this.#now = now;
  }

  get minimum(): number {
    return this.#minimum;
  }

  keep(minimum: number): void {
    this.#minimum = minimum;
    if (minimum > 0) {
      this.#lane.fill();
      return;
    }
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  fill(): void {
    if (this.#pause !== undefined) return;
    const { gate, limits } = this.#lane;
    let missing = this.#minimum - this.#lane.open - gate.starting;
    while (missing > 0 && gate.ahead(limits)) missing -= 1;
  }

  /** A thaw came to nothing. */
  failed(): void {
    if (this.#minimum === 0 || this.#pause !== undefined) return;
    const now = this.#now();
    if (now - this.#failedAt > FORGET_MS) this.#failures = 0;
    this.#failedAt = now;
    const ms = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#lane.fill();
    }, ms);
  }

  /** An instance ended by itself that was there since `since`. */
  lost(since: number): void {
    if (this.#now() - since < YOUNG_MS) this.failed();
  }
}
