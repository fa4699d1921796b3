import type { Refusal } from '../../contract.ts';

/** Refusals are told at once, but of each VM only so many different ones in this time; the rest is counted. */
const WINDOW_MS = 5_000;
const MAX_DIFFERENT = 20;

/**
 * What one VM was refused, bounded: the first of a kind is told at once, those like it are counted and told as one when
 * the window ends, and so are all that are past the limit.
 */
export class Refusals {
  readonly #publish: (refusal: Refusal) => void;
  /** Of this window, with how many came after the one that was told. */
  readonly #seen = new Map<string, Refusal>();
  #more = 0;
  #window: NodeJS.Timeout | undefined;

  constructor(publish: (refusal: Refusal) => void) {
    this.#publish = publish;
  }

  add(refusal: Omit<Refusal, 'count'>): void {
    this.#window ??= setTimeout(() => this.flush(), WINDOW_MS).unref();
    const { destination, port, protocol, reason } = refusal;
    const key = `${protocol} ${destination} ${port} ${reason}`;
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.count += 1;
    } else if (this.#seen.size < MAX_DIFFERENT) {
      this.#seen.set(key, { ...refusal, count: 0 });
      this.#publish({ ...refusal, count: 1 });
    } else {
      this.#more += 1;
    }
  }

  /** Tells what was counted and not told yet. To be called when the VM ends, too. */
  flush(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
    const told = [...this.#seen.values()].filter(({ count }) => count > 0);
    const more = this.#more;
    this.#seen.clear();
    this.#more = 0;
    for (const refusal of told) this.#publish(refusal);
    if (more > 0) {
      this.#publish({ destination: '*', port: 0, protocol: 'any', reason: 'not_told_singly', count: more });
    }
  }
}
