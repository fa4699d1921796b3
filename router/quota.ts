import { type LimitName, ThawError } from '../platform/errors.ts';
import type { Route, Use } from './parts.ts';

/** The route of an instance, as far as its project's limits are concerned. */
export type Claim = Pick<Route, 'project' | 'takes' | 'projectMost'>;

/** What waits for a project to have room. */
export interface Waiting {
  /** Still needs an instance. */
  readonly needy: boolean;
  /** There may be room. Called once; it may wait again. */
  freed(): void;
}

/** An instance that may count among those of its project. */
interface Counted {
  readonly route: Claim;
  counted: boolean;
}

const NOTHING: Use = { instances: 0, memoryMiB: 0, cpus: 0 };
const ONE: Use = { instances: 1, memoryMiB: 0, cpus: 0 };
/** Parts of processors add up to a little more or less than they should. */
const ROUNDING = 1e-6;

/** How each limit is called in headers, and how reaching it is told. */
const TOLD: Record<keyof Use, { limit: LimitName; taken: string; tooLarge: string }> = {
  instances: { limit: 'instances', taken: 'All instances', tooLarge: 'instances' },
  memoryMiB: { limit: 'memory', taken: 'All the memory', tooLarge: 'MiB of memory' },
  cpus: { limit: 'cpus', taken: 'All the processors', tooLarge: 'processors' },
};

/** What the instances of each project take that are awake or on their way, and who waits for room. */
export class Quota {
  readonly #used = new Map<string, Use>();
  /** In order of arrival. */
  readonly #waiting = new Map<string, Set<Waiting>>();

  /** The limit that one more instance would go past. */
  over({ project, takes = ONE, projectMost = {} }: Claim): keyof Use | undefined {
    const used = this.#used.get(project) ?? NOTHING;
    return passed(projectMost, (name) => used[name] + takes[name]);
  }

  /** Counts one more, allowed or not: what runs, runs. */
  take({ project, takes = ONE }: Claim): void {
    this.#used.set(project, sum(this.#used.get(project) ?? NOTHING, takes, 1));
  }

  /** One fewer: those who wait are told, the first to come first. */
  give({ project, takes = ONE }: Claim): void {
    const left = sum(this.#used.get(project) ?? NOTHING, takes, -1);
    if (left.instances > 0) this.#used.set(project, left);
    else this.#used.delete(project);
    const waiting = this.#waiting.get(project);
    this.#waiting.delete(project);
    for (const one of waiting ?? []) one.freed();
  }

  /** Counts an instance, allowed or not, unless it counts already. */
  count(one: Counted): void {
    if (one.counted) return;
    one.counted = true;
    this.take(one.route);
  }

  uncount(one: Counted): void {
    if (!one.counted) return;
    one.counted = false;
    this.give(one.route);
  }

  /** @returns false when it waits already */
  wait({ project }: Claim, one: Waiting): boolean {
    const waiting = this.#waiting.get(project);
    if (waiting?.has(one)) return false;
    if (waiting === undefined) this.#waiting.set(project, new Set([one]));
    else waiting.add(one);
    return true;
  }

  leave({ project }: Claim, one: Waiting): void {
    const waiting = this.#waiting.get(project);
    if (waiting?.delete(one) && waiting.size === 0) this.#waiting.delete(project);
  }

  /** Does anyone but `one` need room in the project? */
  needed({ project }: Claim, one: Waiting): boolean {
    for (const other of this.#waiting.get(project) ?? []) if (other !== one && other.needy) return true;
    return false;
  }
}

/** The refusal of what has no room under a limit of its project now. */
export function noRoom(project: string, past: keyof Use): ThawError {
  const { limit, taken } = TOLD[past];
  return new ThawError('no_room', `${taken} that the project ${project} may have are taken.`, {
    hint: 'Try again in a moment, or ask the operator for more.',
    limit,
  });
}

/** @throws ThawError `no_room` when a single instance is more than its project may have in all */
export function requirePossible({ app, project, takes = ONE, projectMost = {} }: Claim & Pick<Route, 'app'>): void {
  const past = passed(projectMost, (name) => takes[name]);
  if (past === undefined) return;
  const { limit, tooLarge } = TOLD[past];
  throw new ThawError(
    'no_room',
    `An instance of ${app} takes ${takes[past]} ${tooLarge}; the project ${project} may have ${projectMost[past]}.`,
    { hint: 'Make it smaller in thaw.toml, or ask the operator for more.', limit },
  );
}

function passed(most: Partial<Use>, wanted: (name: keyof Use) => number): keyof Use | undefined {
  for (const name of Object.keys(TOLD) as (keyof Use)[]) {
    const limit = most[name];
    if (limit !== undefined && wanted(name) > limit + ROUNDING) return name;
  }
  return undefined;
}

function sum(used: Use, more: Use, times: 1 | -1): Use {
  return {
    instances: used.instances + times * more.instances,
    memoryMiB: used.memoryMiB + times * more.memoryMiB,
    cpus: used.cpus + times * more.cpus,
  };
}
