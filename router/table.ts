import type { Route } from './parts.ts';
import { wildcardOf } from './resolve.ts';

/**
 * The routes of all names, in memory. Replaced as a whole, so a look-up sees
 * either the routes before a change or those after it.
 */
export class RouteTable<R extends Route = Route> {
  #routes: ReadonlyMap<string, R> = new Map();

  /** The route of a label or of a whole host name; a wildcard leads there when no route has the very name. */
  get(name: string): R | undefined {
    const exact = this.#routes.get(name);
    if (exact !== undefined) return exact;
    const wildcard = wildcardOf(name);
    return wildcard === undefined ? undefined : this.#routes.get(wildcard);
  }

  /**
   * @returns deployments to be drained: those that some name led to before and none does now, and those that were in
   *   front of an app or a branch and are not any more
   */
  replace(routes: Iterable<R>): string[] {
    const before = standings(this.#routes.values());
    const now = new Map<string, R>();
    for (const route of routes) now.set(route.label, route);
    this.#routes = now;
    const after = standings(now.values());
    const left: string[] = [];
    for (const [deployment, front] of before) {
      const still = after.get(deployment);
      if (still === undefined || (front && !still)) left.push(deployment);
    }
    return left;
  }

  /** One route of each deployment of which instances are to be up all the time. */
  kept(): R[] {
    const kept = new Map<string, R>();
    for (const route of this.#routes.values()) {
      if (route.front !== false && route.limits.minInstances > 0) kept.set(route.deployment, route);
    }
    return [...kept.values()];
  }
}

/** The deployments that routes lead to, and whether they are in front. */
function standings(routes: Iterable<Route>): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const { deployment, front } of routes) {
    found.set(deployment, front !== false || found.get(deployment) === true);
  }
  return found;
}
