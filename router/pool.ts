import { setTimeout as sleep } from 'node:timers/promises';
import { Holds } from './hold.ts';
import { Lane } from './lane.ts';
import type { Lease } from './lease.ts';
import type { EdgeParts, Instance, Route } from './parts.ts';
import { noRoom, Quota, requirePossible } from './quota.ts';
import { closing, refusal } from './refusal.ts';
import type { Resident } from './resident.ts';
import { Rest } from './rest.ts';

/** How often it is looked whether a deployment has come to rest. */
const RETIRE_POLL_MS = 10;

/** An instance as the API shows it. */
export interface InstanceView {
  id: string;
  deployment: string;
  app: string;
  project: string;
  /** `asleep` is frozen as it is, or about to be; `retiring` takes no more requests. */
  state: 'ready' | 'asleep' | 'retiring';
  requests: number;
  /** Open WebSockets and event streams. */
  connections: number;
  phases: Record<string, number>;
}

/** Requests that wait for a place in a deployment. */
export interface QueueView {
  deployment: string;
  app: string;
  waiting: number;
}

type PoolParts = Pick<EdgeParts, 'thaw' | 'end' | 'sleep' | 'wake' | 'pending' | 'log' | 'now'>;

/** All instances and who uses them. */
export class Pool {
  readonly #parts: PoolParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #byId = new Map<string, Resident>();
  readonly #quota = new Quota();
  readonly #rest: Rest;
  readonly #ends = new Map<string, Promise<void>>();
  readonly holds = new Holds();
  #closed = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#rest = new Rest(parts);
  }

  /** A place on an instance that runs already and has room. */
  take(route: Route): Lease | undefined {
    const lane = this.#lanes.get(route.deployment);
    if (lane === undefined) return undefined;
    lane.use(route);
    const resident = lane.choose();
    return resident && lane.lease(resident, undefined);
  }

  /**
   * A place, waiting for one if need be: an instance is woken or thawed when too few run.
   *
   * @throws ThawError `no_room` when the queue is full or no place came free in time, `timed_out` when the thaw took
   *   too long, `cancelled` when `signal` fired, or what the thaw threw
   */
  async wait(route: Route, signal: AbortSignal): Promise<Lease> {
    if (this.#closed) throw closing();
    requirePossible(route);
    const lane = this.#laneOf(route);
    const outcome = await lane.gate.enter(route.limits, signal);
    if (outcome.kind === 'admitted') return lane.lease(outcome.place, outcome.thawMs);
    lane.leave();
    throw refusal(outcome, route, lane.limited);
  }

  /**
   * Sees to it that an instance of a deployment is up.
   *
   * @throws ThawError as `wait` does; `no_room` also when others of the project would have to go for it
   */
  async warm(route: Route, signal: AbortSignal): Promise<void> {
    if ((this.#lanes.get(route.deployment)?.open ?? 0) > 0) return;
    const past = this.#quota.over(route);
    if (past !== undefined) throw noRoom(route.project, past);
    const lease = await this.wait(route, signal);
    lease.release();
  }

  /** Keeps instances of these deployments up, as many as their limits say, and of no others. */
  keep(routes: Iterable<Route>): void {
    const kept = new Map(Array.from(routes, (route) => [route.deployment, route]));
    for (const [deployment, lane] of [...this.#lanes]) if (!kept.has(deployment)) lane.keep(0);
    for (const route of kept.values()) this.#laneOf(route).keep(route.limits.minInstances);
  }

  /** Takes in an instance that was there before this edge was. */
  adopt(route: Route, instance: Instance, asleep: boolean): void {
    const lane = this.#laneOf(route);
    if (!asleep) this.#quota.take(route);
    lane.admit(instance, asleep);
    lane.gate.changed();
  }

  /** Forgets an instance whose VM has ended: its connections are closed, the next request gets another one. */
  remove(id: string): void {
    const resident = this.#byId.get(id);
    if (resident !== undefined) this.#laneOfResident(resident)?.lost(resident);
  }

  /** Ends a deployment's instances as they become idle. Requests under way are answered. */
  drain(deployment: string): void {
    this.#lanes.get(deployment)?.drain();
  }

  /**
   * Ends all instances of a deployment and resolves when they are gone. What is under way is answered first, within the
   * grace time.
   */
  async retire(deployment: string, graceMs: number): Promise<void> {
    const lane = this.#lanes.get(deployment);
    if (lane === undefined) return;
    lane.keep(0);
    const busy = () => lane.gate.waiting > 0 || [...lane.residents].some(({ requests }) => requests > 0);
    const until = this.#parts.now() + graceMs;
    while (busy() && this.#parts.now() < until) await sleep(RETIRE_POLL_MS);
    const going = [...lane.residents];
    for (const resident of going) lane.dismiss(resident);
    await Promise.all(going.map(({ instance }) => this.#ends.get(instance.id)));
  }

  instances(): InstanceView[] {
    return [...this.#byId.values()].map(({ instance, route, retired, state, requests, lasting }) => ({
      id: instance.id,
      deployment: route.deployment,
      app: route.app,
      project: route.project,
      state: retired ? 'retiring' : state === 'awake' ? 'ready' : 'asleep',
      requests,
      connections: lasting,
      phases: instance.phases,
    }));
  }

  /** Requests that wait for a place in a deployment. */
  waiting(deployment: string): number {
    return this.#lanes.get(deployment)?.gate.waiting ?? 0;
  }

  queues(): QueueView[] {
    const lanes = [...this.#lanes.values()].filter(({ gate }) => gate.waiting > 0);
    return lanes.map(({ route, gate }) => ({ deployment: route.deployment, app: route.app, waiting: gate.waiting }));
  }

  /** Lets go of the instances that sleep: nothing is under way there that would be worth waiting for. */
  closeAsleep(instances: 'keep' | 'end' | 'sleep'): void {
    for (const resident of [...this.#byId.values()]) {
      if (resident.state === 'asleep' && !resident.claimed) this.#letGo(resident, instances);
    }
  }

  /** Sends away who waits, closes all connections, and leaves the instances running, or ends them or puts them to sleep. */
  async close(instances: 'keep' | 'end' | 'sleep'): Promise<void> {
    this.#closed = true;
    for (const lane of [...this.#lanes.values()]) lane.close(closing());
    for (const resident of [...this.#byId.values()]) this.#letGo(resident, instances);
    await Promise.all(this.#ends.values());
  }

  #letGo(resident: Resident, instances: 'keep' | 'end' | 'sleep'): void {
    const lane = this.#laneOfResident(resident);
    const sleeps = instances === 'sleep' && lane?.freezes === true;
    lane?.evict(resident);
    if (sleeps && !resident.retired) this.#leaveAsleep(resident);
    else if (instances !== 'keep' || resident.retired) this.#end(resident);
  }

  #laneOfResident({ route }: Resident): Lane | undefined {
    return this.#lanes.get(route.deployment);
  }

  #laneOf(route: Route): Lane {
    const known = this.#lanes.get(route.deployment);
    if (known !== undefined) {
      known.use(route);
      return known;
    }
    const lane = new Lane(
      {
        thaw: (asked, signal) => this.#parts.thaw(asked, signal),
        sleep: (id) => this.#parts.sleep(id),
        wake: (id, signal) => this.#parts.wake(id, signal),
        now: () => this.#parts.now(),
        log: this.#parts.log,
        quota: this.#quota,
        byId: this.#byId,
        closed: () => this.#closed,
        idle: (one, resident) => this.#rest.idle(one, resident),
        end: (resident) => this.#end(resident),
        makeRoom: (project) => this.#makeRoom(project),
        empty: (one) => {
          if (this.#lanes.get(one.route.deployment) === one) this.#lanes.delete(one.route.deployment);
        },
      },
      route,
    );
    this.#lanes.set(route.deployment, lane);
    return lane;
  }

  /** A project has as many instances as it may, and wants another: the one that was idle the longest goes early. */
  #makeRoom(project: string): void {
    let best: Resident | undefined;
    for (const resident of this.#byId.values()) {
      if (resident.route.project !== project || !resident.idle || !resident.open) continue;
      if (resident.pendingSince !== undefined) continue;
      const lane = this.#laneOfResident(resident);
      if (lane === undefined || lane.open <= lane.minimum) continue;
      if (best === undefined || resident.movedAt < best.movedAt) best = resident;
    }
    const lane = best && this.#laneOfResident(best);
    if (best !== undefined && lane !== undefined) this.#rest.now(lane, best);
  }

  #leaveAsleep(resident: Resident): void {
    const { id } = resident.instance;
    this.#background(id, async () => {
      await resident.still();
      if (resident.state === 'asleep') return;
      await this.#parts.sleep(id).catch(() => this.#parts.end(id));
    });
  }

  #end(resident: Resident): void {
    const { id } = resident.instance;
    this.#background(id, async () => {
      await resident.still();
      await this.#parts.end(id);
    });
  }

  #background(instance: string, work: () => Promise<void>): void {
    const ending = work()
      .catch((err: unknown) => this.#parts.log.error({ instance, err }, 'instance could not be ended'))
      .finally(() => this.#ends.delete(instance));
    this.#ends.set(instance, ending);
  }
}
