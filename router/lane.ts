import type { ThawError } from '../platform/errors.ts';
import { Gate } from './gate.ts';
import { type Lease, leaseOn } from './lease.ts';
import type { EdgeParts, Instance, Limits, Route, Use } from './parts.ts';
import { noRoom, type Quota, type Waiting } from './quota.ts';
import { Resident } from './resident.ts';
import { Slumber } from './slumber.ts';
import { Upkeep } from './upkeep.ts';

/** After a failed thaw nobody tries another one ahead for this long. */
const DISCOURAGED_MS = 5000;

export interface LaneParts extends Pick<EdgeParts, 'thaw' | 'sleep' | 'wake' | 'log' | 'now'> {
  quota: Quota;
  /** Every instance that the edge knows, by its id. */
  byId: Map<string, Resident>;
  /** No more instances are taken in. */
  closed(): boolean;
  /** An instance is idle: it may be its time to go. */
  idle(lane: Lane, resident: Resident): void;
  /** Ends an instance that is in no list any more. */
  end(resident: Resident): void;
  /** A project waits for one of its own instances to go. */
  makeRoom(project: string): void;
  /** It has neither instances nor anyone who waits. */
  empty(lane: Lane): void;
}

/** The instances of one deployment; kept only while there is one, or someone waits for one. */
export class Lane implements Waiting {
  readonly #parts: LaneParts;
  /** The latest that asked: its limits hold. */
  route: Route;
  readonly residents = new Set<Resident>();
  readonly gate: Gate<Resident, Resident | Instance>;
  readonly slumber: Slumber;
  readonly #upkeep: Upkeep;
  /** No app or branch leads here any more: instances end as soon as they are idle. */
  draining = false;
  /** When the last thaw failed, on the edge's clock; undefined when it did not. Then what runs has to do. */
  #failedAt: number | undefined;
  /** The limit of the project that stands in the way of another instance. */
  limited: keyof Use | undefined;

  constructor(parts: LaneParts, route: Route) {
    this.#parts = parts;
    this.route = route;
    this.slumber = new Slumber(this, parts);
    this.#upkeep = new Upkeep(this, parts.now);
    this.gate = new Gate<Resident, Resident | Instance>(
      {
        open: () => this.open,
        take: () => this.choose(),
        mayStart: () => this.#mayStart(),
        thaw: (signal) => this.#arrive(signal),
        admit: (arrived) => {
          this.#failedAt = undefined;
          if (arrived instanceof Resident) arrived.claimed = false;
          else this.admit(arrived);
        },
        failed: (err, again) => {
          this.#failedAt = parts.now();
          parts.log.warn({ app: this.route.app, deployment: this.route.deployment, err, again }, 'thaw failed');
          if (!again) this.#upkeep.failed();
        },
        over: () => this.#tidy(),
      },
      parts.now,
    );
  }

  /** Instances that take requests. */
  get open(): number {
    let open = 0;
    for (const resident of this.residents) if (resident.open) open += 1;
    return open;
  }

  get limits(): Limits {
    return this.route.limits;
  }

  /** Idle instances are put to sleep; else they are ended. */
  get freezes(): boolean {
    return this.route.limits.sleep === 'freeze' && this.route.front !== false && !this.draining;
  }

  /** Other deployments of the project wait for an instance to go. */
  get crowded(): boolean {
    return this.#parts.quota.needed(this.route, this);
  }

  /** Wants an instance more than it has. */
  get needy(): boolean {
    if (this.gate.waiting > 0 || this.open + this.gate.starting < this.minimum) return true;
    for (const resident of this.residents) if (resident.wanted) return true;
    return false;
  }

  /** Instances that stay up however idle they are. */
  get minimum(): number {
    return this.#upkeep.minimum;
  }

  /** Someone asks for it: what it was drained for is past. */
  use(route: Route): void {
    this.route = route;
    this.draining = false;
  }

  /** From now on `minimum` instances are kept up. */
  keep(minimum: number): void {
    const before = this.#upkeep.minimum;
    this.#upkeep.keep(minimum);
    if (minimum < before) for (const resident of [...this.residents]) this.settle(resident);
    this.#tidy();
  }

  /** Sees to it that as many are up as are to be kept. */
  fill(): void {
    if (!this.#parts.closed()) this.#upkeep.fill();
  }

  /** The least loaded instance with room, its place taken; the oldest of equals, so that the others can go to sleep. */
  choose(): Resident | undefined {
    const { softLimit, hardLimit, maxInstances } = this.route.limits;
    // With no more instances to come, lasting connections use no places: else open WebSockets would lock everyone out.
    const allUp = this.#failedAt !== undefined || this.open >= maxInstances;
    let best: Resident | undefined;
    for (const resident of this.residents) {
      if (!resident.open || resident.requests + (allUp ? 0 : resident.lasting) >= hardLimit) continue;
      if (best === undefined || resident.requests + resident.lasting < best.requests + best.lasting) best = resident;
    }
    if (best === undefined) return undefined;
    if (best.requests + best.lasting >= softLimit) this.#more();
    best.requests += 1;
    best.uses += 1;
    best.pendingSince = undefined;
    clearTimeout(best.idleTimer);
    return best;
  }

  /** @param thawMs how long an instance was being thawed for it; undefined = a place was free */
  lease(resident: Resident, thawMs: number | undefined): Lease {
    return leaseOn(this, resident, thawMs, this.#parts);
  }

  /** Takes in an instance that is there. */
  admit(instance: Instance, asleep = false): void {
    const { closed, byId, log, now } = this.#parts;
    const resident = new Resident(instance, this.route, now);
    if (closed() || byId.has(instance.id)) {
      if (!asleep) this.#parts.quota.give(this.route);
      if (closed()) this.#parts.end(resident);
      return;
    }
    if (asleep) resident.state = 'asleep';
    resident.counted = !asleep;
    this.residents.add(resident);
    byId.set(instance.id, resident);
    log.info({ app: this.route.app, instance: instance.id, phases: instance.phases }, 'instance ready');
    this.settle(resident);
  }

  /** Ends an instance, whatever it does. */
  dismiss(resident: Resident): void {
    this.evict(resident);
    this.#parts.end(resident);
  }

  /** An instance's VM has ended by itself. */
  lost(resident: Resident): void {
    this.#upkeep.lost(resident.since);
    this.evict(resident);
  }

  /** Forgets an instance and closes its connections. */
  evict(resident: Resident): void {
    resident.cut();
    this.#parts.byId.delete(resident.instance.id);
    this.residents.delete(resident);
    this.#parts.quota.uncount(resident);
    if (this.gate.waiting > 0) this.gate.changed();
    this.fill();
    this.#tidy();
  }

  /** Ends instances as they become idle, those that sleep at once. Requests under way are answered. */
  drain(): void {
    this.draining = true;
    this.keep(0);
    for (const resident of [...this.residents]) {
      if (resident.state === 'asleep' && !resident.claimed) this.dismiss(resident);
      else this.settle(resident);
    }
  }

  /** The project may have room again. */
  freed(): void {
    this.limited = undefined;
    for (const resident of this.residents) if (resident.wanted) this.slumber.stir(resident);
    this.gate.changed();
    this.fill();
  }

  /** Someone gave up waiting. */
  leave(): void {
    this.fill();
    this.#tidy();
  }

  /** Sends away who waits. */
  close(error: ThawError): void {
    this.keep(0);
    this.#parts.quota.leave(this.route, this);
    this.gate.close(error);
  }

  /** Forgets itself when nothing needs it. */
  #tidy(): void {
    if (this.residents.size > 0 || this.minimum > 0 || this.gate.busy) return;
    this.#parts.quota.leave(this.route, this);
    this.#parts.empty(this);
  }

  /** Nothing may be under way on an instance any more. */
  settle(resident: Resident): void {
    if (resident.gone || resident.state !== 'awake' || resident.requests > 0) return;
    this.#parts.idle(this, resident);
  }

  /** All that run have enough to do: one more, ahead of those who would have to wait. */
  #more(): void {
    if (this.gate.starting > 0) return;
    if (this.#failedAt !== undefined && this.#parts.now() - this.#failedAt < DISCOURAGED_MS) return;
    this.gate.ahead(this.route.limits);
  }

  #mayStart(): boolean {
    const { quota, makeRoom } = this.#parts;
    if (this.slumber.resting()?.counted === true) return true;
    this.limited = quota.over(this.route);
    if (this.limited === undefined) return true;
    if (quota.wait(this.route, this)) makeRoom(this.route.project);
    return false;
  }

  /** An instance for those who wait: one that sleeps before a new one. */
  async #arrive(signal: AbortSignal): Promise<Resident | Instance> {
    const resting = this.slumber.resting();
    if (resting !== undefined) {
      resting.claimed = true;
      await this.slumber.wake(resting);
      return resting;
    }
    const { route } = this;
    const { quota, thaw } = this.#parts;
    const past = quota.over(route);
    if (past !== undefined) throw noRoom(route.project, past);
    quota.take(route);
    try {
      return await thaw(route, signal);
    } catch (error) {
      quota.give(route);
      throw error;
    }
  }
}
