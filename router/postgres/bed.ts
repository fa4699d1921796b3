import { type ThawError, toThawError } from '../../platform/errors.ts';
import { Gate } from '../gate.ts';
import type { PostgresEdgeParts, PostgresRoute, Upstream } from './parts.ts';
import type { Refusal } from './protocol.ts';
import type { Session } from './session.ts';

/** Most clients that wait for a database to be up. */
const QUEUE = 2000;
/** A database that was busy by itself is looked at again after its idle time, but not sooner. */
const LEAST_LOOK_MS = 250;

/** How the wait for a database ended. */
export type Reached = { upstream: Upstream } | { refusal: Refusal } | 'gone';

/**
 * One database at the edge: whether it is up, its sessions, and its sleep.
 *
 *   away ── up ──► awake ── idle ──► falling ──► asleep ── a byte, a connection ──► awake
 *
 * `away` is also what it is at first: nobody has asked for it yet. Sleep is worth it only when the last byte is long
 * past and all sessions rest: a client that waits for an answer would wait for ever.
 */
export class Bed {
  route: PostgresRoute;
  state: 'away' | 'awake' | 'falling' | 'asleep' = 'away';
  readonly sessions = new Set<Session>();
  readonly #parts: PostgresEdgeParts;
  readonly #gate: Gate<Upstream, Upstream>;
  #upstream: Upstream | undefined;
  /** When bytes last moved, on the edge's clock. */
  #movedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #falling: Promise<void> | undefined;
  /** A client sent something to a database that sleeps; it is being woken. */
  #stirring = false;
  /** Sessions that are being opened: it must not fall asleep under them. */
  #opening = 0;
  readonly #closing = new AbortController();

  constructor(parts: PostgresEdgeParts, route: PostgresRoute) {
    this.#parts = parts;
    this.route = route;
    this.#movedAt = parts.now();
    this.#gate = new Gate<Upstream, Upstream>(
      {
        open: () => (this.state === 'awake' ? 1 : 0),
        take: () => (this.state === 'awake' ? this.#upstream : undefined),
        mayStart: () => true,
        thaw: (signal) => this.#up(signal),
        admit: (upstream) => this.#admit(upstream),
        failed: (err, again) => parts.log.warn({ database: route.name, err, again }, 'database did not come up'),
        over: () => {},
      },
      parts.now,
    );
  }

  /** Waits until it is up; a connection may be opened then, and `opened` is to be called when that is over. */
  async reach(signal: AbortSignal): Promise<Reached> {
    this.#opening += 1;
    if (this.state === 'awake' && this.#upstream !== undefined) return { upstream: this.#upstream };
    const outcome = await this.#gate.enter(this.#limits(), signal);
    if (outcome.kind === 'admitted') return { upstream: outcome.place };
    return outcome.kind === 'gone' ? 'gone' : { refusal: refusalOf(outcome, this.route.name) };
  }

  /** What `reach` was called for has come to its end. */
  opened(session: Session | undefined): void {
    this.#opening -= 1;
    if (session !== undefined) this.sessions.add(session);
    this.moved();
  }

  moved(): void {
    this.#movedAt = this.#parts.now();
    if (this.#timer === undefined && this.state === 'awake') this.#watch();
  }

  /** A session has something for a database that sleeps. */
  stir(): void {
    if (this.#stirring || this.state === 'awake') return;
    this.#stirring = true;
    void this.#gate.enter(this.#limits(), this.#closing.signal).then((outcome) => {
      this.#stirring = false;
      if (outcome.kind !== 'admitted' && outcome.kind !== 'gone') this.#cut(refusalOf(outcome, this.route.name));
    });
  }

  over(session: Session): void {
    this.sessions.delete(session);
  }

  /** Puts it to sleep now, when nothing is under way on any session. @returns whether it sleeps */
  async sleep(): Promise<boolean> {
    if (this.state === 'asleep') return true;
    if (this.state === 'falling') {
      await this.#falling;
      return this.#slept;
    }
    if (this.state !== 'awake' || this.#busy()) return false;
    await this.#fall();
    return this.#slept;
  }

  get #slept(): boolean {
    return this.state === 'asleep';
  }

  /** Its VM is gone, or it was woken or put to sleep by somebody else. */
  changed(now: 'gone' | 'awake' | 'asleep', upstream?: Upstream): void {
    if (now === 'gone') {
      this.#reset('away');
      this.#cut({
        sqlState: '57P02',
        message: `The database "${this.route.name}" has ended.`,
        hint: 'Connect again: it starts from what was committed.',
      });
    } else if (now === 'awake' && upstream !== undefined && (this.state === 'away' || this.state === 'asleep')) {
      this.#admit(upstream);
      this.#gate.changed();
    } else if (now === 'asleep' && this.state === 'away') this.state = 'asleep';
  }

  /** Sends everyone away. */
  close(error: ThawError): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#gate.close(error);
    this.#cut({ sqlState: '57P01', message: error.message, hint: error.hint });
  }

  #limits() {
    return { softLimit: QUEUE, maxInstances: 1, queue: QUEUE, wakeTimeoutMs: this.#parts.wakeTimeoutMs };
  }

  async #up(signal: AbortSignal): Promise<Upstream> {
    await this.#falling;
    const began = this.#parts.now();
    const upstream = await this.#parts.up(this.route.database, signal);
    const ms = this.#parts.now() - began;
    this.#parts.observe?.({ kind: 'awake', database: this.route.database, ms });
    this.#parts.log.info({ database: this.route.name, ms: Math.round(ms) }, 'database awake');
    return upstream;
  }

  #admit(upstream: Upstream): void {
    if (this.#closing.signal.aborted) return;
    this.#upstream = upstream;
    this.state = 'awake';
    for (const session of this.sessions) session.go();
    this.#movedAt = this.#parts.now();
    this.#watch();
  }

  /** Anything that sleep would hurt. */
  #busy(): boolean {
    if (this.#opening > 0) return true;
    for (const session of this.sessions) {
      if (!session.rests) return true;
      if (this.route.listenersKeepAwake && session.standing.listening) return true;
    }
    return false;
  }

  /** Keeps one timer going while it is awake. */
  #watch(delay = this.route.idleMs): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.route.idleMs === 0 || this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, delay);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    if (this.state !== 'awake') return;
    const { busyWith, log, now } = this.#parts;
    const { database, idleMs, name } = this.route;
    const left = this.#movedAt + idleMs - now();
    if (left > 0) return this.#watch(left);
    const later = () => this.#watch(Math.max(idleMs, LEAST_LOOK_MS));
    if (this.#busy()) return later();
    const movedAt = this.#movedAt;
    const busy = await busyWith(database, this.#closing.signal).catch((err: unknown) => {
      if (!this.#closing.signal.aborted) log.warn({ database: name, err }, 'a database does not say what it does');
      return 'an unanswered question';
    });
    if (this.state !== 'awake') return;
    if (busy !== undefined) {
      log.debug({ database: name, busy }, 'a database stays awake');
      return later();
    }
    if (this.#movedAt !== movedAt || this.#busy()) return this.#watch();
    await this.#fall();
  }

  async #fall(): Promise<void> {
    const began = this.#parts.now();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.state = 'falling';
    for (const session of this.sessions) session.hold();
    this.#falling = this.#parts.sleep(this.route.database).then(
      () => {
        if (this.state !== 'falling') return;
        this.state = 'asleep';
        const ms = this.#parts.now() - began;
        this.#parts.observe?.({ kind: 'asleep', database: this.route.database, ms });
        const fields = { database: this.route.name, sessions: this.sessions.size, ms: Math.round(ms) };
        this.#parts.log.info(fields, 'database asleep');
      },
      (err: unknown) => {
        const busy = toThawError(err).code === 'conflict';
        this.#parts.log[busy ? 'debug' : 'warn'](
          { database: this.route.name, err },
          'a database could not be put to sleep',
        );
        // It goes on; of one that does not, the end is told, which cuts its sessions.
        if (this.state === 'falling' && this.#upstream !== undefined) this.#admit(this.#upstream);
      },
    );
    await this.#falling;
    this.#falling = undefined;
  }

  #reset(state: 'away'): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#upstream = undefined;
    this.state = state;
  }

  #cut(why: Refusal): void {
    for (const session of [...this.sessions]) session.cut(why);
    this.sessions.clear();
  }
}

type Unmet = { kind: 'full' } | { kind: 'late'; waking: boolean } | { kind: 'failed'; error: ThawError };

/** What who waited in vain is told. */
function refusalOf(outcome: Unmet, name: string): Refusal {
  if (outcome.kind === 'full')
    return { sqlState: '53300', message: `Too many clients wait for the database "${name}".` };
  if (outcome.kind === 'late') {
    return { sqlState: '57P03', message: `The database "${name}" did not come up in time.`, hint: 'Try again.' };
  }
  const { code, message, hint } = toThawError(outcome.error);
  const sqlState = code === 'no_room' || code === 'quota_exceeded' ? '53000' : '57P03';
  return { sqlState, message, hint };
}
