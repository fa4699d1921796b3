import type { Route } from '../router/parts.ts';
import type { Config } from './config.ts';
import type { RouteEntry } from './control/contract.ts';

/** Requests that wait for one deployment, for each request that its instances can take at once. */
const QUEUE_PER_PLACE = 8;

/** A route as the edge knows it, and the template that is thawed for it; null when it has to be baked again. */
export type AppRoute = Route & { template: string | null };

/** The operator's limits on a route of the control plane. */
export function withLimits(entry: RouteEntry, config: Config): AppRoute {
  const { softLimit, maxInstances, idleMs, wakeTimeoutMs, responseTimeoutMs } = config;
  const queue = softLimit * maxInstances * QUEUE_PER_PLACE;
  return { ...entry, limits: { softLimit, maxInstances, idleMs, queue, wakeTimeoutMs, responseTimeoutMs } };
}
