/** Pairs remembered for one slot; the oldest go first. */
const MAX_PAIRS = 1_024;
/** Programs go on with an address for a while after its time to live is over. */
const GRACE_MS = 10 * 60_000;

/** Which addresses the resolver gave to one slot for which names. */
export class Given {
  /** When each pair runs out, the oldest first. */
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get size(): number {
    return this.#until.size;
  }

  remember(name: string, addresses: readonly number[], ttlSeconds: number): void {
    for (const address of addresses) {
      const pair = `${address} ${name}`;
      this.#until.delete(pair);
      this.#until.set(pair, this.#now() + ttlSeconds * 1_000 + GRACE_MS);
    }
    for (const pair of this.#until.keys()) {
      if (this.#until.size <= MAX_PAIRS) break;
      this.#until.delete(pair);
    }
  }

  has(name: string, address: number): boolean {
    const until = this.#until.get(`${address} ${name}`);
    return until !== undefined && until > this.#now();
  }
}
