import { and, eq } from 'drizzle-orm';
import type { Log } from '../log.ts';
import { type AppKind, type Control, PRODUCTION_BRANCH, type RouteEntry, type RunSpec } from './contract.ts';
import type { Database } from './db/open.ts';
import { apps, branches, deployments, domains, projects } from './db/schema.ts';
import { deploymentLabel } from './names.ts';

/** Every label that answers: one for each released branch, each ready deployment, and each domain of an app with a release. */
export async function readRoutes(db: Database): Promise<RouteEntry[]> {
  const columns = {
    deployment: deployments.id,
    kind: deployments.kind,
    template: deployments.template,
    run: deployments.run,
    scaling: deployments.scaling,
    app: apps.name,
    project: projects.name,
  };
  const released = await db
    .select({ ...columns, label: branches.label })
    .from(branches)
    .innerJoin(deployments, eq(branches.deploymentId, deployments.id))
    .innerJoin(apps, eq(branches.appId, apps.id))
    .innerJoin(projects, eq(apps.projectId, projects.id));
  const own = await db
    .select({ ...columns, label: domains.host })
    .from(domains)
    .innerJoin(branches, and(eq(branches.appId, domains.appId), eq(branches.name, PRODUCTION_BRANCH)))
    .innerJoin(deployments, eq(branches.deploymentId, deployments.id))
    .innerJoin(apps, eq(domains.appId, apps.id))
    .innerJoin(projects, eq(apps.projectId, projects.id));
  const ready = await db
    .select(columns)
    .from(deployments)
    .innerJoin(apps, eq(deployments.appId, apps.id))
    .innerJoin(projects, eq(apps.projectId, projects.id))
    .where(eq(deployments.status, 'ready'));
  const single = ready.map((row) => ({ ...row, label: deploymentLabel(row.deployment, row.app) }));
  return [...released, ...own, ...single].flatMap(({ kind, run, ...row }) =>
    kind === null || run === null ? [] : { ...row, kind: kind satisfies AppKind, ...ofRun(run) },
  );
}

/** What the edge and the host need to know of how it is run. */
function ofRun(run: RunSpec): Pick<RouteEntry, 'port' | 'shape' | 'egress' | 'cpus' | 'mounts'> {
  const { port, shape, egress, cpus, mounts } = run;
  return {
    port,
    shape,
    ...(egress === undefined ? {} : { egress }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(mounts === undefined ? {} : { mounts: mounts.map(({ volume, path }) => ({ volume, path })) }),
  };
}

/** Tells those who asked that the routes changed. */
export interface RouteChanges {
  onRoutesChanged: Control['onRoutesChanged'];
  routesChanged(): void;
}

export function createRouteChanges(log: Log): RouteChanges {
  const listeners = new Set<() => void>();
  return {
    onRoutesChanged(listener) {
      // Wrapped: the same function given twice is two listeners, each with its own end.
      const own = () => listener();
      listeners.add(own);
      return () => listeners.delete(own);
    },
    routesChanged() {
      for (const listener of listeners) {
        try {
          listener();
        } catch (error) {
          // The change is committed: whoever made it has not failed.
          log.error({ err: error }, 'a listener for changed routes failed');
        }
      }
    },
  };
}
