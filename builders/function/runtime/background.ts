/** Work that goes on after its request was answered (`ctx.waitUntil`). */
export class Background {
  #pending = 0;
  readonly #tell: (pending: number) => void;

  /** @param tell called with each new count */
  constructor(tell: (pending: number) => void) {
    this.#tell = tell;
  }

  add(work: Promise<unknown>, failed: (error: unknown) => void): void {
    this.#tell(++this.#pending);
    Promise.resolve(work)
      .catch(failed)
      .finally(() => this.#tell(--this.#pending));
  }
}
