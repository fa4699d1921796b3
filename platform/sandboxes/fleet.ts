import { ThawError } from '../errors.ts';
import type { Sandbox, SandboxEndReason, SandboxEvent } from './contract.ts';
import { Feed } from './feed.ts';
import { LiveSandbox } from './live.ts';
import type { SandboxesParts } from './parts.ts';
import type { SandboxRecord } from './records.ts';
import { type Asked, Room } from './room.ts';

/** The sandboxes that are not over: who they are, how much room they take, how they end. */
export class Fleet {
  readonly parts: SandboxesParts;
  readonly feed = new Feed();
  readonly #live = new Map<string, LiveSandbox>();
  readonly #byVm = new Map<string, LiveSandbox>();
  readonly #room: Room;
  /** Called after each change of when the next one's time is up. */
  timesChanged = () => {};
  /** Called when one is over. */
  hasEnded: (live: LiveSandbox) => void = () => {};

  constructor(parts: SandboxesParts) {
    this.parts = parts;
    this.#room = new Room(parts, () => this.#live.values());
  }

  all(): LiveSandbox[] {
    return [...this.#live.values()];
  }

  get(id: string): LiveSandbox | undefined {
    return this.#live.get(id);
  }

  ofVm(vm: string): LiveSandbox | undefined {
    return this.#byVm.get(vm);
  }

  /**
   * One that is not over.
   *
   * @param project null = of any
   * @throws ThawError `not_found`, also for another project's; `gone` for one that is over, with the reason
   */
  async find(id: string, project: string | null): Promise<LiveSandbox> {
    const live = this.#live.get(id);
    if (live !== undefined && !live.ending && (project === null || live.record.project === project)) return live;
    throw over(await this.parts.control.sandboxes.get(id, project));
  }

  /** @throws ThawError as `Room.take` does */
  reserve(project: string, asked: Asked): Promise<Disposable> {
    return this.#room.take(project, asked);
  }

  /** Takes in one that was just made. */
  keep(record: SandboxRecord, vm: string): LiveSandbox {
    const live = this.adopt(record, vm);
    this.tell(live, 'created');
    return live;
  }

  /** Takes in one that was there before this server. */
  adopt(record: SandboxRecord, vm: string): LiveSandbox {
    const live = new LiveSandbox(record, vm);
    this.#live.set(live.id, live);
    this.#byVm.set(vm, live);
    this.timesChanged();
    return live;
  }

  /** Writes a change down, then makes it true. */
  async change(live: LiveSandbox, change: Parameters<SandboxesParts['control']['sandboxes']['update']>[1]) {
    await this.parts.control.sandboxes.update(live.id, change);
    Object.assign(live.record, change);
    this.timesChanged();
  }

  /**
   * Ends a sandbox; the first reason counts. It is written down first: a server that is killed meanwhile leaves one that
   * the next server ends.
   */
  async end(live: LiveSandbox, reason: SandboxEndReason): Promise<Sandbox> {
    if (!live.ending) {
      live.ending = true;
      const { control, clock, gone, host, journal, log } = this.parts;
      const endedAt = clock().toISOString();
      const forgotten = await control.sandboxes.end([live.id], reason, endedAt).catch((error: unknown) => {
        // Nothing has happened yet: whoever tries again may have better luck.
        live.ending = false;
        throw error;
      });
      Object.assign(live.record, {
        state: 'ended',
        endReason: reason,
        endedAt,
        endsAt: null,
      } satisfies Partial<Sandbox>);
      for (const id of forgotten) {
        journal
          .remove(id)
          .catch((err: unknown) => log.warn({ sandbox: id, err }, 'the log of a forgotten sandbox is left'));
      }
      gone(live.id);
      live.over.abort();
      await live.turn(() => host.end(live.vm));
      this.#live.delete(live.id);
      this.#byVm.delete(live.vm);
      this.timesChanged();
      this.tell(live, 'ended', reason);
      this.hasEnded(live);
      log.info({ sandbox: live.id, reason }, 'sandbox ended');
      return live.shown();
    }
    await live.turn(async () => {});
    return live.shown();
  }

  tell({ id, record }: LiveSandbox, type: SandboxEvent['type'], reason?: SandboxEndReason): void {
    const at = this.parts.clock().toISOString();
    this.feed.publish({ type, sandbox: id, project: record.project, at, ...(reason === undefined ? {} : { reason }) });
  }
}

const ENDS: Record<SandboxEndReason, string> = {
  ttl: 'its time was up',
  killed: 'it was killed',
  oom: 'its machine ran out of memory',
  crashed: 'its machine ended by itself',
  host: 'this host let it go',
};

/** What who wants to use a sandbox is told that is over. */
function over({ id, endReason }: Sandbox): ThawError {
  const why = endReason === null ? 'it is ending' : ENDS[endReason];
  return new ThawError('gone', `The sandbox ${id} is over: ${why}.`, { hint: 'Create another one.' });
}
