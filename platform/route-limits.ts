import type { Limits, Route } from '../router/parts.ts';
import type { Config } from './config.ts';
import type { ProjectLimits, RouteEntry, Scaling } from './control/contract.ts';
import { deploymentLabel } from './control/names.ts';

/** Requests that wait for one deployment, for each request that its instances can take at once. */
const QUEUE_PER_PLACE = 8;

/** A route as the edge knows it, and what is thawed for it; a template that is null has to be baked again. */
export type AppRoute = Route & Pick<RouteEntry, 'template' | 'egress' | 'cpus' | 'mounts'>;

/**
 * The routes of the control plane with the limits that hold for each: its author's
 * where there are any, within the operator's, else the operator's defaults.
 */
export function withLimits(
  entries: readonly RouteEntry[],
  config: Config,
  projects: ReadonlyMap<string, ProjectLimits> = new Map(),
): AppRoute[] {
  const front = new Set<string>();
  for (const { label, deployment, app } of entries) {
    if (label !== deploymentLabel(deployment, app)) front.add(deployment);
  }
  return entries.map((entry) => ({
    ...entry,
    front: front.has(entry.deployment),
    limits: limitsOf(entry.mounts === undefined ? entry.scaling : alone(entry.scaling), config),
    takes: { instances: 1, memoryMiB: entry.shape.memoryMiB, cpus: entry.cpus ?? entry.shape.vcpus },
    ...projectLimits(projects.get(entry.project), config),
  }));
}

/** A volume is in one machine at a time: so is the app, and it sleeps as it is. */
function alone(scaling: Scaling): Scaling {
  const { minInstances, ...rest } = scaling;
  return {
    sleep: 'freeze',
    ...rest,
    maxInstances: 1,
    ...(minInstances === undefined ? {} : { minInstances: Math.min(minInstances, 1) }),
  };
}

/** What an admin has set for a project, within what the operator allows to each. */
function projectLimits(set: ProjectLimits | undefined, config: Config): Pick<Route, 'projectMost' | 'rateLimit'> {
  const requestsPerSecond = set?.requestsPerSecond ?? config.projectRps;
  const projectMost = {
    instances: Math.min(set?.instances ?? config.projectInstances, config.projectInstances),
    ...(set?.memoryMiB == null ? {} : { memoryMiB: set.memoryMiB }),
    ...(set?.cpus == null ? {} : { cpus: set.cpus }),
  };
  if (requestsPerSecond === 0) return { projectMost };
  return { projectMost, rateLimit: { requestsPerSecond, burst: config.projectBurst || 2 * requestsPerSecond } };
}

function limitsOf(scaling: Scaling, config: Config): Limits {
  const { wakeTimeoutMs, responseTimeoutMs, concurrencyLimit } = config;
  const maxInstances = Math.min(scaling.maxInstances ?? config.maxInstances, config.instancesLimit);
  const atLeast = Math.max(scaling.minInstances ?? 0, scaling.sleep === 'off' ? 1 : 0);
  const soft = Math.min(scaling.softLimit ?? config.softLimit, concurrencyLimit);
  const hardLimit = Math.min(scaling.hardLimit ?? soft, concurrencyLimit);
  return {
    softLimit: Math.min(soft, hardLimit),
    hardLimit,
    minInstances: Math.min(atLeast, maxInstances, config.minInstancesLimit),
    maxInstances,
    idleMs: Math.min(scaling.idleMs ?? config.idleMs, config.idleLimitMs),
    sleep: scaling.sleep === 'freeze' ? 'freeze' : 'stop',
    queue: hardLimit * maxInstances * QUEUE_PER_PLACE,
    wakeTimeoutMs,
    responseTimeoutMs,
  };
}
