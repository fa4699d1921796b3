import type { EdgeParts, Route } from './parts.ts';
import type { Quota, Waiting } from './quota.ts';
import type { Resident } from './resident.ts';

/** The instances of a deployment, as far as their sleep goes. */
interface Beds extends Waiting {
  readonly route: Route;
  readonly residents: ReadonlySet<Resident>;
  readonly draining: boolean;
  readonly gate: { changed(): void };
  dismiss(resident: Resident): void;
  /** It may be idle. */
  settle(resident: Resident): void;
}

interface SlumberParts extends Pick<EdgeParts, 'sleep' | 'wake' | 'log' | 'now'> {
  quota: Quota;
  makeRoom(project: string): void;
}

/** What is up sooner, among those that are not. */
const SOONEST = { waking: 0, asleep: 1, falling: 2, awake: 3 };

/** Puts the instances of one deployment to sleep, and wakes them for requests and for what clients send. */
export class Slumber {
  readonly #beds: Beds;
  readonly #parts: SlumberParts;

  constructor(beds: Beds, parts: SlumberParts) {
    this.#beds = beds;
    this.#parts = parts;
  }

  /** One that sleeps or is being woken, and not for the requests that wait already; the soonest to be up. */
  resting(): Resident | undefined {
    let best: Resident | undefined;
    for (const resident of this.#beds.residents) {
      if (resident.retired || resident.claimed || resident.state === 'awake') continue;
      if (best === undefined || SOONEST[resident.state] < SOONEST[best.state]) best = resident;
    }
    return best;
  }

  /** Puts an idle instance to sleep, its lasting connections held. One that cannot sleep is ended. */
  async sleep(resident: Resident): Promise<void> {
    const { log, quota, sleep } = this.#parts;
    const { app } = this.#beds.route;
    const { id } = resident.instance;
    try {
      await resident.sleep(sleep);
    } catch (err) {
      if (resident.gone) return;
      log.warn({ app, instance: id, err }, 'instance could not be put to sleep');
      this.#beds.dismiss(resident);
      return;
    }
    // Claimed meanwhile: it is being woken already.
    if (resident.gone || resident.claimed) return;
    log.info({ app, instance: id, connections: resident.lasting }, 'instance asleep');
    quota.uncount(resident);
    if (this.#beds.draining) this.#beds.dismiss(resident);
    else if (resident.wanted) this.stir(resident);
  }

  /** Wakes an instance. One that does not wake up is ended, and its connections are closed. */
  async wake(resident: Resident): Promise<void> {
    const { log, now, quota, wake } = this.#parts;
    const { app } = this.#beds.route;
    const { id } = resident.instance;
    const began = now();
    quota.count(resident);
    try {
      await resident.wake(wake);
    } catch (err) {
      if (!resident.gone) {
        log.warn({ app, instance: id, err }, 'instance did not wake up');
        this.#beds.dismiss(resident);
      }
      throw err;
    }
    log.info({ app, instance: id, ms: now() - began }, 'instance awake');
    this.#beds.settle(resident);
  }

  /** A client sent something to an instance that may sleep. */
  stir(resident: Resident): void {
    if (resident.gone || resident.state === 'awake') return;
    resident.wanted = true;
    // One that falls asleep is woken when it sleeps; one that wakes will be awake.
    if (resident.state !== 'asleep' || resident.claimed) return;
    const { quota, makeRoom } = this.#parts;
    const { route } = this.#beds;
    if (quota.over(route) !== undefined) {
      if (quota.wait(route, this.#beds)) makeRoom(route.project);
      return;
    }
    this.wake(resident).then(
      () => {
        // Whoever claimed it is told by the gate, which knows how long the wait was.
        if (!resident.claimed) this.#beds.gate.changed();
      },
      () => {},
    );
  }
}
