import { ThawError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import type { LiveDatabase } from './live.ts';

/** How much memory the databases of a project have that are awake, or about to be, and whether more may. */
export class Room {
  readonly #fleet: Fleet;
  /** MiB of what is being started, by project. */
  readonly #taken = new Map<string, number>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /**
   * Takes room for what is to be started; disposed when it is awake, or does not come up.
   *
   * @throws ThawError `quota_exceeded` when the project has what it may; `not_found` when there is no such project
   */
  async take(project: string, memoryMiB: number): Promise<Disposable> {
    const { databaseMemoryMiB: most } = await this.#fleet.parts.control.projects.limits(project);
    if (most !== null && this.used(project) + memoryMiB > most) {
      throw new ThawError('quota_exceeded', `Project ${project} may have ${most} MiB of databases that are awake.`, {
        hint: `Put one to sleep, or wait until one sleeps; an admin can change the limit with \`thaw projects limits ${project} --set databaseMemoryMiB=...\`.`,
        limit: 'databases',
      });
    }
    this.#add(project, memoryMiB);
    return { [Symbol.dispose]: () => this.#add(project, -memoryMiB) };
  }

  /** The same for one that is there; nothing is taken where it is awake. */
  async takeFor(live: LiveDatabase): Promise<Disposable> {
    if (live.state === 'awake') return { [Symbol.dispose]: () => {} };
    return this.take(live.record.project, live.record.memoryMiB);
  }

  /** MiB. */
  used(project: string): number {
    const awake = this.#fleet.all().filter(({ record, state }) => record.project === project && state === 'awake');
    return awake.reduce((sum, { record }) => sum + record.memoryMiB, this.#taken.get(project) ?? 0);
  }

  #add(project: string, memoryMiB: number): void {
    const taken = (this.#taken.get(project) ?? 0) + memoryMiB;
    if (taken === 0) this.#taken.delete(project);
    else this.#taken.set(project, taken);
  }
}
