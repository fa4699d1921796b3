import type { Lane } from './lane.ts';
import type { EdgeParts } from './parts.ts';
import type { Resident } from './resident.ts';

/*
 * What becomes of an instance that nothing uses: after its idle time, and when it
 * has no background work, it is ended or put to sleep. One timer for each that is
 * idle; none for those that are busy, asleep, or to be kept up however idle.
 */

/** Longest that an instance may take to say whether it has background work. */
const PENDING_TIMEOUT_MS = 2000;
/** An instance with background work is asked again after this time, or after its idle time when that is shorter. */
const PENDING_AGAIN_MS = 1000;
/** Background work keeps an instance for at most this long after its last request. */
const PENDING_LIMIT_MS = 15 * 60_000;

export class Rest {
  readonly #parts: Pick<EdgeParts, 'pending' | 'log' | 'now'>;

  constructor(parts: Pick<EdgeParts, 'pending' | 'log' | 'now'>) {
    this.#parts = parts;
  }

  /** No request is under way on an awake instance; connections that last may be open. */
  idle(lane: Lane, resident: Resident): void {
    if (resident.retired) {
      if (resident.idle) lane.dismiss(resident);
      return;
    }
    resident.movedAt = this.#parts.now();
    this.#arm(lane, resident, this.#patience(lane, resident));
  }

  /** Does not wait any longer. */
  now(lane: Lane, resident: Resident): void {
    clearTimeout(resident.idleTimer);
    void this.#rest(lane, resident);
  }

  #arm(lane: Lane, resident: Resident, ms: number): void {
    clearTimeout(resident.idleTimer);
    resident.idleTimer = undefined;
    if (mayRest(lane, resident)) resident.idleTimer = setTimeout(() => this.#due(lane, resident), ms);
  }

  #patience(lane: Lane, resident: Resident): number {
    return resident.idle && (lane.draining || lane.crowded) ? 0 : lane.route.limits.idleMs;
  }

  #due(lane: Lane, resident: Resident): void {
    // Bytes on lasting connections set no timers; they only leave their time.
    const left = this.#patience(lane, resident) - (this.#parts.now() - resident.movedAt);
    // A timer may fire a millisecond early.
    if (left > 1) this.#arm(lane, resident, left);
    else if (resident.owed) this.#arm(lane, resident, lane.route.limits.idleMs);
    else void this.#rest(lane, resident);
  }

  async #rest(lane: Lane, resident: Resident): Promise<void> {
    const { uses, movedAt } = resident;
    const { id } = resident.instance;
    const { log, now } = this.#parts;
    const pending = await this.#parts.pending(id, AbortSignal.timeout(PENDING_TIMEOUT_MS)).catch((err: unknown) => {
      log.warn({ instance: id, err }, 'instance does not say whether it has work');
      return 0;
    });
    if (resident.gone || resident.state !== 'awake' || resident.uses !== uses) return;
    if (resident.movedAt !== movedAt) {
      this.#due(lane, resident);
      return;
    }
    resident.pendingSince ??= now();
    if (pending > 0 && now() - resident.pendingSince < PENDING_LIMIT_MS) {
      clearTimeout(resident.idleTimer);
      const again = Math.min(PENDING_AGAIN_MS, lane.route.limits.idleMs);
      resident.idleTimer = setTimeout(() => void this.#rest(lane, resident), again);
      return;
    }
    if (!mayRest(lane, resident)) return;
    if (lane.freezes) void lane.slumber.sleep(resident);
    else lane.dismiss(resident);
  }
}

function mayRest(lane: Lane, resident: Resident): boolean {
  if (lane.open <= lane.minimum) return false;
  return resident.idle || lane.route.limits.sleep === 'freeze';
}
