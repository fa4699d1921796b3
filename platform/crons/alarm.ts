/** The clock may be set anew while the timer runs, so it is looked at this often. */
const LONGEST_MS = 60_000;

/** One timer that goes off at a time of the clock. */
export class Alarm implements Disposable {
  readonly #clock: () => Date;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param ring called at the time or soon after it; it may also be early, and then has to set the alarm again */
  constructor(clock: () => Date, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** @param at milliseconds since 1970; undefined = never */
  set(at: number | undefined): void {
    clearTimeout(this.#timer);
    if (at === undefined) return;
    const ms = Math.min(Math.max(0, at - this.#clock().getTime()), LONGEST_MS);
    this.#timer = setTimeout(this.#ring, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
