import { asc, eq } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { App, Control } from './contract.ts';
import type { Database } from './db/open.ts';
import { apps, deployments, projects } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { newId } from './ids.ts';
import { requireAppName } from './names.ts';
import { unneeded } from './old-deployment.ts';
import type { ControlParts } from './parts.ts';
import { lockProject } from './project-row.ts';
import { DEFAULT_PROJECT } from './projects.ts';
import { quotaExceeded } from './quota.ts';

export function createApps(
  { db, clock, random, routesChanged }: ControlParts,
  removeArtifact: Control['artifacts']['remove'],
): Control['apps'] {
  const query = () =>
    db.select({ app: apps, project: projects.name }).from(apps).innerJoin(projects, eq(apps.projectId, projects.id));

  async function find(name: string): Promise<App | undefined> {
    const [row] = await query().where(eq(apps.name, name));
    return row && toApp(row.app, row.project);
  }

  async function get(name: string, project: string | null): Promise<App> {
    const app = await find(name);
    if (app === undefined || (project !== null && app.project !== project)) throw noSuchApp(name);
    return app;
  }

  async function create(name: string, project: string): Promise<App> {
    requireAppName(name);
    try {
      return await db.transaction(async (tx) => {
        const { id: projectId, limits } = await lockProject(tx, project);
        if (limits.apps !== null) {
          const count = await tx.$count(apps, eq(apps.projectId, projectId));
          if (count >= limits.apps) throw quotaExceeded(project, 'apps', limits.apps);
        }
        const row = { id: newId(random, 'a', 12), projectId, name, kind: null, createdAt: clock() };
        await tx.insert(apps).values(row);
        return toApp(row, project);
      });
    } catch (error) {
      if (violated(error) !== 'apps_name') throw error;
      throw taken(name, error);
    }
  }

  return {
    async list(project) {
      const rows = await (project === null ? query() : query().where(eq(projects.name, project))).orderBy(
        asc(apps.name),
      );
      return rows.map((row) => toApp(row.app, row.project));
    },

    get,
    create,

    async ensure(name, principal) {
      requireAppName(name);
      let app = await find(name);
      if (app === undefined) {
        try {
          return await create(name, principal.project ?? DEFAULT_PROJECT);
        } catch (error) {
          // Another request made it between the look and the attempt.
          if (!(error instanceof ThawError && error.code === 'conflict')) throw error;
          app = await find(name);
        }
      }
      if (app === undefined || (principal.project !== null && app.project !== principal.project)) throw taken(name);
      return app;
    },

    async remove(name, project) {
      const app = await get(name, project);
      const { removed, templates } = await db.transaction((tx) => removeRows(tx, app));
      routesChanged();
      for (const deployment of removed) await removeArtifact(deployment);
      return { templates };
    },
  };
}

/**
 * The row of an app, by name.
 *
 * @throws ThawError `not_found`
 */
export async function appRowOf(db: Database, name: string): Promise<typeof apps.$inferSelect> {
  const [row] = await db.select().from(apps).where(eq(apps.name, name));
  if (row === undefined) throw noSuchApp(name);
  return row;
}

/** Removes an app and its deployments; tells which deployments went and which of their templates nothing else needs. */
async function removeRows(tx: Database, app: App): Promise<{ removed: string[]; templates: string[] }> {
  // The lock keeps new deployments away: their foreign key has to wait for it.
  await tx.select({ id: apps.id }).from(apps).where(eq(apps.id, app.id)).for('update');
  const gone = await tx
    .delete(deployments)
    .where(eq(deployments.appId, app.id))
    .returning({ id: deployments.id, template: deployments.template });
  await tx.delete(apps).where(eq(apps.id, app.id));
  const templates = await unneeded(
    tx,
    gone.map(({ template }) => template),
  );
  return { removed: gone.map(({ id }) => id), templates };
}

export function noSuchApp(name: string): ThawError {
  return new ThawError('not_found', `There is no app called ${name}.`, {
    hint: 'See `thaw apps` for those there are; the first push or deploy makes one.',
  });
}

function taken(name: string, cause?: unknown): ThawError {
  return new ThawError('conflict', `There is an app called ${name} already.`, {
    hint: 'App names are unique on a server, because they are host names; choose another.',
    cause,
  });
}

function toApp(row: Omit<typeof apps.$inferSelect, 'seq'>, project: string): App {
  return { id: row.id, project, name: row.name, kind: row.kind, createdAt: row.createdAt.toISOString() };
}
