import type { Route } from './parts.ts';

/**
 * The routes of all labels, in memory. Replaced as a whole, so a look-up sees
 * either the routes before a change or those after it.
 */
export class RouteTable<R extends Route = Route> {
  #routes: ReadonlyMap<string, R> = new Map();

  get(label: string): R | undefined {
    return this.#routes.get(label);
  }

  /** @returns deployments that some label led to before and none does now */
  replace(routes: Iterable<R>): string[] {
    const before = new Set([...this.#routes.values()].map(({ deployment }) => deployment));
    this.#routes = new Map(Array.from(routes, (route) => [route.label, route]));
    for (const { deployment } of this.#routes.values()) before.delete(deployment);
    return [...before];
  }
}
