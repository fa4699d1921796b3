import { type ThawError, toThawError } from '../platform/errors.ts';
import type { Limits } from './parts.ts';

/*
 * The wake gate of one deployment: where those wait who found no place.
 *
 *   enter ─┬─ queue full ──────────► full
 *          └─ waiting ─┬─ a place ─► admitted
 *                      ├─ time up ─► late
 *                      ├─ left ────► gone
 *                      └─ no thaw ─► failed
 *
 * It starts thaws, and as few as it can: one from zero for all who wait. Thaws
 * ahead are started for nobody yet, and go on when all who wait have left.
 */

/** Tries at one thaw: the first, and one more when that failed. */
const TRIES = 2;

/**
 * Turns of its places that an instance is expected to serve while the queue
 * moves: more are started only for what is past that, since most requests are
 * over long before another instance is there, and thaws side by side slow each
 * other down.
 */
const TURNS = 4;

/**
 * The queue stands still when no place came free for this long, or for twice as
 * long as the last thaw took: waiting has then cost more than another instance.
 */
const STANDSTILL_MS = 250;

/** What the gate has to know of the instances behind it. */
export interface Room<P, T> {
  /** Instances that take requests. */
  open(): number;
  /** A place on one of them, or nothing when all are taken. */
  take(): P | undefined;
  /** May one more be thawed now? When not, `changed` is to be called once that is another matter. */
  mayStart(): boolean;
  thaw(signal: AbortSignal): Promise<T>;
  /** Takes a thawed instance in: its places are there at once. */
  admit(thawed: T): void;
  /** Told about each try that failed; `again`: one more is made. */
  failed(error: ThawError, again: boolean): void;
  /** A thaw ended, abandoned or failed, without an instance. */
  over(): void;
}

/** How a wait ended. */
export type Outcome<P> =
  /** `thawMs`: the part of the wait in which an instance was being thawed for this one; undefined = a place came free. */
  | { kind: 'admitted'; place: P; thawMs: number | undefined }
  | { kind: 'full' }
  /** `waking`: an instance was still being thawed, so it is not for want of room. */
  | { kind: 'late'; waking: boolean }
  | { kind: 'gone' }
  | { kind: 'failed'; error: ThawError };

interface Waiter<P> {
  since: number;
  thawMs: number | undefined;
  settle(outcome: Outcome<P>): void;
}

type GateLimits = Pick<Limits, 'softLimit' | 'maxInstances' | 'queue' | 'wakeTimeoutMs'>;

export class Gate<P, T> {
  readonly #room: Room<P, T>;
  readonly #now: () => number;
  /** In order of arrival. */
  readonly #waiters = new Set<Waiter<P>>();
  /** True for those ahead. */
  readonly #thaws = new Map<AbortController, boolean>();
  /** Thaws that have not come to their end yet, abandoned ones included. */
  #unfinished = 0;
  #standstill: NodeJS.Timeout | undefined;
  #limits: GateLimits | undefined;
  /** When a place last came free, on the edge's clock. */
  #movedAt = Number.NEGATIVE_INFINITY;
  #patienceMs = STANDSTILL_MS;

  constructor(room: Room<P, T>, now: () => number) {
    this.#room = room;
    this.#now = now;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get starting(): number {
    return this.#thaws.size;
  }

  /** True while someone waits or something may still come out of a thaw. */
  get busy(): boolean {
    return this.#waiters.size + this.#unfinished > 0;
  }

  /** Thaws one for those who are still to come. @returns false when there may be no more */
  ahead(limits: GateLimits): boolean {
    this.#limits ??= limits;
    return this.#start(limits, true);
  }

  /** Waits for a place. Never rejects: every end has its name. */
  enter(limits: GateLimits, signal: AbortSignal): Promise<Outcome<P>> {
    this.#limits = limits;
    if (signal.aborted) return Promise.resolve({ kind: 'gone' });
    if (this.#waiters.size >= limits.queue) return Promise.resolve({ kind: 'full' });
    return new Promise((resolve) => {
      const waiter: Waiter<P> = {
        since: this.#now(),
        thawMs: undefined,
        settle: (outcome) => {
          this.#waiters.delete(waiter);
          clearTimeout(timer);
          signal.removeEventListener('abort', leave);
          resolve(outcome);
        },
      };
      const leave = () => this.#left(waiter, { kind: 'gone' });
      const timer = setTimeout(
        () => this.#left(waiter, { kind: 'late', waking: this.#thaws.size > 0 }),
        limits.wakeTimeoutMs,
      );
      signal.addEventListener('abort', leave, { once: true });
      this.#waiters.add(waiter);
      if (this.#needsMore(limits)) this.#start(limits);
      if (this.#standstill === undefined) this.#watch();
    });
  }

  /** A place came free. */
  freed(): void {
    this.#movedAt = this.#now();
    if (this.#waiters.size > 0) this.changed();
  }

  /** There may be room now, or an instance went: lets in who can be, and sees to it that the rest do not wait in vain. */
  changed(): void {
    this.#admit();
    const limits = this.#limits;
    if (limits === undefined || this.#waiters.size === 0) return;
    if (this.#room.open() + this.#thaws.size === 0) this.#start(limits);
    this.#watch();
  }

  /** Sends everyone away and stops what is being thawed. */
  close(error: ThawError): void {
    for (const waiter of [...this.#waiters]) waiter.settle({ kind: 'failed', error });
    this.#abandon(true);
  }

  #needsMore({ softLimit }: GateLimits): boolean {
    if (this.#waiters.size > (this.#room.open() + this.#thaws.size) * softLimit * TURNS) return true;
    return this.#thaws.size === 0 && this.#now() - this.#movedAt >= this.#patienceMs;
  }

  #admit(): void {
    for (const waiter of this.#waiters) {
      const place = this.#room.take();
      if (place === undefined) return;
      waiter.settle({ kind: 'admitted', place, thawMs: waiter.thawMs });
    }
  }

  #left(waiter: Waiter<P>, outcome: Outcome<P>): void {
    waiter.settle(outcome);
    if (this.#waiters.size === 0) this.#abandon();
  }

  /** Stops thaws that nobody waits for any more. */
  #abandon(ahead = false): void {
    for (const [thaw, isAhead] of this.#thaws) {
      if (isAhead && !ahead) continue;
      this.#thaws.delete(thaw);
      thaw.abort();
    }
    this.#watch();
  }

  #start(limits: GateLimits, ahead = false): boolean {
    if (this.#room.open() + this.#thaws.size >= limits.maxInstances || !this.#room.mayStart()) return false;
    const thaw = new AbortController();
    this.#thaws.set(thaw, ahead);
    this.#unfinished += 1;
    void this.#thaw(thaw);
    return true;
  }

  async #thaw(thaw: AbortController): Promise<void> {
    const began = this.#now();
    let thawed: T;
    try {
      thawed = await this.#tryThaw(thaw.signal);
      this.#unfinished -= 1;
    } catch (error) {
      this.#unfinished -= 1;
      // An abandoned thaw has nobody to tell.
      if (this.#thaws.delete(thaw)) this.#failed(toThawError(error));
      this.#room.over();
      return;
    }
    this.#thaws.delete(thaw);
    const now = this.#now();
    this.#movedAt = now;
    this.#patienceMs = Math.max(STANDSTILL_MS, 2 * (now - began));
    for (const waiter of this.#waiters) waiter.thawMs ??= Math.min(now - began, now - waiter.since);
    this.#room.admit(thawed);
    this.changed();
  }

  async #tryThaw(signal: AbortSignal): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#room.thaw(signal);
      } catch (thrown) {
        const error = toThawError(thrown);
        // Without room there is none a moment later either.
        const again = tried < TRIES && !signal.aborted && error.code !== 'no_room';
        if (!signal.aborted) this.#room.failed(error, again);
        if (!again) throw error;
      }
    }
  }

  #failed(error: ThawError): void {
    this.#admit();
    // Others may still get a place; the standstill watch tries again for them.
    if (this.#room.open() + this.#thaws.size > 0) this.#watch();
    else for (const waiter of [...this.#waiters]) waiter.settle({ kind: 'failed', error });
  }

  /** Keeps one timer going while some wait and nothing is being thawed for them; none otherwise. */
  #watch(): void {
    clearTimeout(this.#standstill);
    this.#standstill = undefined;
    const limits = this.#limits;
    if (limits === undefined || this.#waiters.size === 0 || this.#thaws.size > 0) return;
    if (this.#room.open() >= limits.maxInstances) return;
    this.#standstill = setTimeout(() => {
      this.#standstill = undefined;
      if (this.#thaws.size > 0) return;
      const wanted = Math.ceil(this.#waiters.size / limits.softLimit);
      for (let started = 0; started < wanted; started += 1) this.#start(limits);
    }, this.#patienceMs);
  }
}
