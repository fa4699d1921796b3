import { type LimitName, ThawError } from '../errors.ts';
import type { LiveSandbox } from './live.ts';
import type { SandboxesParts } from './parts.ts';

/** What is to be started. */
export interface Asked {
  count: number;
  memoryMiB: number;
  cpus: number;
}

/** How much of a project runs, or is about to, and whether more may. */
export class Room {
  readonly #parts: Pick<SandboxesParts, 'awake' | 'bounds' | 'control'>;
  readonly #live: () => Iterable<LiveSandbox>;
  /** What is being started, by project. */
  readonly #taken = new Map<string, Set<Asked>>();

  constructor(parts: Pick<SandboxesParts, 'awake' | 'bounds' | 'control'>, live: () => Iterable<LiveSandbox>) {
    this.#parts = parts;
    this.#live = live;
  }

  /**
   * Takes room for sandboxes that are to be started; disposed when they run, or do not.
   *
   * @throws ThawError `quota_exceeded` when the project has what it may; `not_found` when there is no such project
   */
  async take(project: string, asked: Asked): Promise<Disposable> {
    const { awake, bounds, control } = this.#parts;
    const limits = await control.projects.limits(project);
    const now = this.#used(project);
    const most = Math.min(limits.instances ?? bounds.projectInstances, bounds.projectInstances);
    bound(project, 'instances', now.count + awake(project) + asked.count, most);
    bound(project, 'memory', now.memoryMiB + asked.count * asked.memoryMiB, limits.memoryMiB);
    bound(project, 'cpus', now.cpus + asked.count * asked.cpus, limits.cpus);
    const taken = this.#taken.get(project) ?? new Set();
    this.#taken.set(project, taken.add(asked));
    return {
      [Symbol.dispose]: () => {
        if (taken.delete(asked) && taken.size === 0) this.#taken.delete(project);
      },
    };
  }

  #used(project: string): Asked {
    const used = { count: 0, memoryMiB: 0, cpus: 0 };
    const add = ({ count, memoryMiB, cpus }: Asked) => {
      used.count += count;
      used.memoryMiB += count * memoryMiB;
      used.cpus += count * cpus;
    };
    for (const { record } of this.#live()) {
      if (record.project === project && record.state === 'running') add({ ...record, count: 1 });
    }
    for (const asked of this.#taken.get(project) ?? []) add(asked);
    return used;
  }
}

const WHAT: Partial<Record<LimitName, string>> = {
  instances: 'sandboxes and instances of apps that run at once',
  memory: 'MiB of memory of sandboxes',
  cpus: 'processors of sandboxes',
};

function bound(project: string, limit: 'instances' | 'memory' | 'cpus', wanted: number, most: number | null): void {
  if (most === null || wanted <= most) return;
  throw new ThawError('quota_exceeded', `Project ${project} may have ${most} ${WHAT[limit]}.`, {
    hint: 'Kill or pause one, or ask an admin for more with `thaw projects limits`.',
    limit,
  });
}
