import type { Lasting } from './lasting.ts';
import type { EdgeParts, Instance, Route } from './parts.ts';
import { Connections } from './wire/connections.ts';

/**
 * One instance at the edge: its load, the connections to it, and whether it sleeps.
 *
 *   awake ── sleep ──► falling ──► asleep ── wake ──► waking ──► awake
 *
 * Only an awake one takes requests. Where a step fails the instance is of no use
 * any more; whoever took the step ends it.
 */
export class Resident {
  instance: Instance;
  readonly route: Route;
  /** Those that carry requests; they go with the instance. */
  readonly connections: Connections;
  state: 'awake' | 'falling' | 'asleep' | 'waking' = 'awake';
  /** Connections that stay open for as long as they like: WebSockets, event streams. */
  readonly #lasting = new Set<Lasting>();
  /** Those of them whose clients left while it slept: it is told when it wakes up. */
  readonly #left = new Set<Lasting>();
  /** Requests being answered. */
  requests = 0;
  /** Takes no more requests; ended as soon as it is idle. */
  retired = false;
  /** Its connections are closed and it is in no list any more. */
  gone = false;
  /** Counts uses: tells whether it was used since someone looked. */
  uses = 0;
  /** When it came or woke up, was last used, or bytes last moved on its lasting connections; on the edge's clock. */
  movedAt: number;
  /** Since when it has been in this edge's care; on the edge's clock. */
  readonly since: number;
  /** Fires when it has been idle long enough. None while it sleeps. */
  idleTimer: NodeJS.Timeout | undefined;
  /** Since when background work alone keeps it; on the edge's clock. */
  pendingSince: number | undefined;
  /** Counts among the instances of its project. */
  counted = false;
  /** Asleep or nearly, and to be woken for requests that wait. */
  claimed = false;
  /** Asleep or nearly, and to be woken for a client that sent something. */
  wanted = false;
  #falling: Promise<void> | undefined;
  #waking: Promise<void> | undefined;
  readonly #ended = new AbortController();

  constructor(instance: Instance, route: Route, now: () => number) {
    this.instance = instance;
    this.route = route;
    this.connections = new Connections(now);
    this.movedAt = now();
    this.since = this.movedAt;
  }

  /** How many connections stay open. */
  get lasting(): number {
    return this.#lasting.size;
  }

  get idle(): boolean {
    return this.requests + this.#lasting.size === 0;
  }

  /** Bytes are under way on a lasting connection that one side does not take yet. */
  get owed(): boolean {
    for (const one of this.#lasting) if (one.owed) return true;
    return false;
  }

  /** Takes requests. */
  get open(): boolean {
    return !this.retired && this.state === 'awake';
  }

  /** A lasting connection came. */
  join(lasting: Lasting): void {
    if (this.gone) lasting.destroy();
    else this.#lasting.add(lasting);
  }

  /** The client of a lasting connection left. */
  part(lasting: Lasting): void {
    if (this.#lasting.delete(lasting) && this.state !== 'awake' && !this.gone) this.#left.add(lasting);
  }

  /** Puts it to sleep; its lasting connections stay. Rejects with what `freeze` does. */
  async sleep(freeze: EdgeParts['sleep']): Promise<void> {
    this.state = 'falling';
    for (const one of this.#lasting) one.hold();
    // The kept connections would be dead weight in the snapshot, and dead when it has slept for long.
    this.connections.closeFree();
    this.#falling = freeze(this.instance.id);
    await this.#falling;
    this.#falling = undefined;
    this.state = 'asleep';
  }

  /** Wakes it, once it sleeps; one wake for all who want it. Rejects with what `sleep` or `thaw` did. */
  wake(thaw: EdgeParts['wake']): Promise<void> {
    this.#waking ??= this.#wake(thaw).finally(() => {
      this.#waking = undefined;
    });
    return this.#waking;
  }

  async #wake(thaw: EdgeParts['wake']): Promise<void> {
    await this.#falling;
    this.#ended.signal.throwIfAborted();
    this.state = 'waking';
    const instance = await thaw(this.instance.id, this.#ended.signal);
    this.#ended.signal.throwIfAborted();
    this.instance = { ...instance, resumed: true };
    this.state = 'awake';
    this.wanted = false;
    for (const one of this.#lasting) one.go();
    for (const one of this.#left) one.go();
    this.#left.clear();
  }

  /** Waits until it is neither falling asleep nor waking. */
  async still(): Promise<void> {
    await Promise.allSettled([this.#falling, this.#waking]);
  }

  /** Closes every connection to it: a VM that is gone sends no reset. */
  cut(): void {
    this.gone = true;
    this.#ended.abort();
    clearTimeout(this.idleTimer);
    this.connections.close();
    for (const one of [...this.#lasting, ...this.#left]) one.destroy();
  }
}
