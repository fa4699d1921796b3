import { Gate } from './gate.ts';
import type { EdgeParts, Instance, Route } from './parts.ts';
import { closing, refusal } from './refusal.ts';
import { type Lease, Resident } from './resident.ts';

/** Longest that an instance may take to say whether it has background work. */
const PENDING_TIMEOUT_MS = 2000;
/** An instance with background work is asked again after this time, or after its idle time when that is shorter. */
const PENDING_AGAIN_MS = 1000;
/** Background work keeps an instance for at most this long after its last request. */
const PENDING_LIMIT_MS = 15 * 60_000;

/** An instance as the API shows it. */
export interface InstanceView {
  id: string;
  deployment: string;
  app: string;
  project: string;
  /** `retiring` takes no more requests. */
  state: 'ready' | 'retiring';
  requests: number;
  /** Open WebSockets and event streams. */
  connections: number;
  phases: Record<string, number>;
}

/** The instances of one deployment; kept only while there is one, or someone waits for one. */
interface Lane {
  /** The latest that asked: its limits hold. */
  route: Route;
  residents: Set<Resident>;
  gate: Gate<Resident, Instance>;
  /** No label leads here any more: instances end as soon as they are idle. */
  draining: boolean;
  /** The last thaw failed: what runs has to do. */
  stuck: boolean;
}

type PoolParts = Pick<EdgeParts, 'thaw' | 'end' | 'pending' | 'log' | 'now'>;

/** All running instances and who uses them. */
export class Pool {
  readonly #parts: PoolParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #byId = new Map<string, Resident>();
  readonly #ends = new Set<Promise<void>>();
  #closed = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  /** A place on an instance that runs already and has room. */
  take(route: Route): Lease | undefined {
    const lane = this.#lanes.get(route.deployment);
    if (lane === undefined) return undefined;
    lane.route = route;
    lane.draining = false;
    const resident = this.#choose(lane);
    return resident && this.#lease(lane, resident, undefined);
  }

  /**
   * A place, waiting for one if need be: an instance is thawed when too few run.
   *
   * @throws ThawError `no_room` when the queue is full or no place came free in time, `timed_out` when the thaw took
   *   too long, `cancelled` when `signal` fired, or what the thaw threw
   */
  async wait(route: Route, signal: AbortSignal): Promise<Lease> {
    if (this.#closed) throw closing();
    const lane = this.#laneOf(route);
    const outcome = await lane.gate.enter(route.limits, signal);
    if (outcome.kind === 'admitted') return this.#lease(lane, outcome.place, outcome.thawMs);
    this.#tidy(lane);
    throw refusal(outcome, route);
  }

  /** Takes in an instance that was running before this edge was. */
  adopt(route: Route, instance: Instance): void {
    const lane = this.#laneOf(route);
    this.#admit(lane, instance);
    lane.gate.changed();
  }

  /** Forgets an instance whose VM has ended: its connections are closed, the next request gets another one. */
  remove(id: string): void {
    const resident = this.#byId.get(id);
    if (resident !== undefined) this.#evict(resident);
  }

  /** Ends a deployment's instances as they become idle. Requests under way are answered. */
  drain(deployment: string): void {
    const lane = this.#lanes.get(deployment);
    if (lane === undefined) return;
    lane.draining = true;
    for (const resident of [...lane.residents]) if (resident.idle) this.#idle(lane, resident);
  }

  instances(): InstanceView[] {
    return [...this.#byId.values()].map(({ instance, route, retired, requests, lasting }) => ({
      id: instance.id,
      deployment: route.deployment,
      app: route.app,
      project: route.project,
      state: retired ? 'retiring' : 'ready',
      requests,
      connections: lasting,
      phases: instance.phases,
    }));
  }

  /** Requests that wait for a place in a deployment. */
  waiting(deployment: string): number {
    return this.#lanes.get(deployment)?.gate.waiting ?? 0;
  }

  /** Sends away who waits, closes all connections, and ends the instances or leaves them running. */
  async close(instances: 'keep' | 'end'): Promise<void> {
    this.#closed = true;
    for (const lane of [...this.#lanes.values()]) lane.gate.close(closing());
    for (const resident of [...this.#byId.values()]) {
      this.#evict(resident);
      if (instances === 'end' || resident.retired) this.#end(resident.instance.id);
    }
    await Promise.all(this.#ends);
  }

  #laneOf(route: Route): Lane {
    const known = this.#lanes.get(route.deployment);
    if (known !== undefined) {
      known.route = route;
      known.draining = false;
      return known;
    }
    const residents = new Set<Resident>();
    const gate = new Gate<Resident, Instance>(
      {
        open: () => openCount(residents),
        take: () => this.#choose(lane),
        thaw: (signal) => this.#parts.thaw(lane.route, signal),
        admit: (instance) => this.#admit(lane, instance),
        failed: (err, again) => {
          lane.stuck = true;
          this.#parts.log.warn({ app: lane.route.app, deployment: lane.route.deployment, err, again }, 'thaw failed');
        },
      },
      this.#parts.now,
    );
    const lane: Lane = { route, residents, gate, draining: false, stuck: false };
    this.#lanes.set(route.deployment, lane);
    return lane;
  }

  /** The least loaded instance with room, its place taken; the oldest of equals, so that the others can go to sleep. */
  #choose(lane: Lane): Resident | undefined {
    const { softLimit, maxInstances } = lane.route.limits;
    // With no more instances to come, lasting connections use no places: else open WebSockets would lock everyone out.
    const allUp = lane.stuck || openCount(lane.residents) >= maxInstances;
    let best: Resident | undefined;
    for (const resident of lane.residents) {
      if (resident.retired || resident.requests + (allUp ? 0 : resident.lasting) >= softLimit) continue;
      if (best === undefined || resident.requests + resident.lasting < best.requests + best.lasting) best = resident;
    }
    if (best === undefined) return undefined;
    best.requests += 1;
    best.uses += 1;
    best.pendingSince = undefined;
    clearTimeout(best.idleTimer);
    return best;
  }

  #lease(lane: Lane, resident: Resident, thawMs: number | undefined): Lease {
    let held: 'request' | 'lasting' | 'released' = 'request';
    return {
      instance: resident.instance,
      agent: resident.agent,
      start: thawMs === undefined ? 'warm' : resident.instance.resumed === true ? 'resumed' : 'cold',
      placed: this.#parts.now(),
      thawMs: thawMs ?? 0,
      last: () => {
        if (held !== 'request') return;
        held = 'lasting';
        resident.requests -= 1;
        resident.lasting += 1;
        if (lane.gate.waiting > 0) lane.gate.changed();
      },
      hold: (socket) => resident.hold(socket),
      retire: (reason) => {
        if (resident.retired || resident.gone) return;
        resident.retired = true;
        this.#parts.log.warn({ app: resident.route.app, instance: resident.instance.id, reason }, 'instance retired');
        // What it is in the middle of may end well, but not hold on to it forever.
        resident.idleTimer = setTimeout(() => this.#dismiss(resident), resident.route.limits.responseTimeoutMs);
        if (lane.gate.waiting > 0) lane.gate.changed();
      },
      release: () => {
        if (held === 'released') return;
        if (held === 'request') resident.requests -= 1;
        else resident.lasting -= 1;
        held = 'released';
        if (resident.gone) return;
        lane.gate.freed();
        if (resident.idle) this.#idle(lane, resident);
      },
    };
  }

  #admit(lane: Lane, instance: Instance): void {
    if (this.#closed) {
      this.#end(instance.id);
      return;
    }
    if (this.#byId.has(instance.id)) return;
    // Nobody may have waited for this thaw any more, so that its lane went, and another may have come since.
    const home = this.#lanes.get(lane.route.deployment) ?? lane;
    this.#lanes.set(lane.route.deployment, home);
    const resident = new Resident(instance, lane.route);
    home.stuck = false;
    home.residents.add(resident);
    this.#byId.set(instance.id, resident);
    this.#parts.log.info({ app: lane.route.app, instance: instance.id, phases: instance.phases }, 'instance ready');
    this.#idle(home, resident);
    if (home !== lane) home.gate.changed();
  }

  #idle(lane: Lane, resident: Resident): void {
    clearTimeout(resident.idleTimer);
    if (resident.retired) {
      this.#dismiss(resident);
      return;
    }
    const wait = lane.draining ? 0 : lane.route.limits.idleMs;
    resident.idleTimer = setTimeout(() => void this.#sleep(lane, resident), wait);
  }

  /** Ends an instance that was idle for long enough, unless it still has work or is used again meanwhile. */
  async #sleep(lane: Lane, resident: Resident): Promise<void> {
    const { uses } = resident;
    const { id } = resident.instance;
    const pending = await this.#parts.pending(id, AbortSignal.timeout(PENDING_TIMEOUT_MS)).catch((err: unknown) => {
      this.#parts.log.warn({ instance: id, err }, 'instance does not say whether it has work');
      return 0;
    });
    if (resident.gone || resident.uses !== uses) return;
    const now = this.#parts.now();
    resident.pendingSince ??= now;
    if (pending > 0 && now - resident.pendingSince < PENDING_LIMIT_MS) {
      const again = Math.min(PENDING_AGAIN_MS, lane.route.limits.idleMs);
      resident.idleTimer = setTimeout(() => void this.#sleep(lane, resident), again);
      return;
    }
    this.#dismiss(resident);
  }

  #dismiss(resident: Resident): void {
    this.#evict(resident);
    this.#end(resident.instance.id);
  }

  #evict(resident: Resident): void {
    resident.cut();
    this.#byId.delete(resident.instance.id);
    const lane = this.#lanes.get(resident.route.deployment);
    if (lane === undefined) return;
    lane.residents.delete(resident);
    if (lane.gate.waiting > 0) lane.gate.changed();
    this.#tidy(lane);
  }

  #tidy(lane: Lane): void {
    if (lane.residents.size + lane.gate.waiting + lane.gate.starting > 0) return;
    if (this.#lanes.get(lane.route.deployment) === lane) this.#lanes.delete(lane.route.deployment);
  }

  #end(id: string): void {
    const ending = this.#parts
      .end(id)
      .catch((err: unknown) => this.#parts.log.error({ instance: id, err }, 'instance could not be ended'))
      .finally(() => this.#ends.delete(ending));
    this.#ends.add(ending);
  }
}

function openCount(residents: Set<Resident>): number {
  let open = 0;
  for (const resident of residents) if (!resident.retired) open += 1;
  return open;
}
