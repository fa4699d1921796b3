import { asc, eq, sql } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import { builtToday } from './builds.ts';
import type { Control, Project } from './contract.ts';
import { databaseUse } from './database-use.ts';
import { apps, projects } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { newId } from './ids.ts';
import { requireProjectName } from './names.ts';
import type { ControlParts } from './parts.ts';
import { noSuchProject, projectRowOf } from './project-row.ts';
import { withDefaults } from './quota.ts';
import { volumeUse } from './volume-use.ts';

/** The project that is there from the first start. */
export const DEFAULT_PROJECT = 'default';

export function createProjects({ db, clock, random, routesChanged }: ControlParts): Control['projects'] {
  return {
    async list() {
      const rows = await db.select().from(projects).orderBy(asc(projects.name));
      return rows.map(toProject);
    },

    async create(name) {
      requireProjectName(name);
      const row = { id: newId(random, 'p', 12), name, createdAt: clock() };
      try {
        await db.insert(projects).values(row);
      } catch (error) {
        if (violated(error) !== 'projects_name') throw error;
        throw new ThawError('conflict', `There is a project called ${name} already.`, { cause: error });
      }
      return toProject(row);
    },

    async limits(name) {
      return (await projectRowOf(db, name)).limits;
    },

    async allLimits() {
      const rows = await db.select({ name: projects.name, limits: projects.limits }).from(projects);
      return new Map(rows.map(({ name, limits }) => [name, withDefaults(limits)]));
    },

    async setLimits(name, change) {
      const [row] = await db
        .update(projects)
        .set({ limits: sql`${projects.limits} || ${JSON.stringify(change)}::jsonb` })
        .where(eq(projects.name, name))
        .returning({ limits: projects.limits });
      if (row === undefined) throw noSuchProject(name);
      routesChanged();
      return withDefaults(row.limits);
    },

    async usage(name) {
      const { id } = await projectRowOf(db, name);
      return {
        apps: await db.$count(apps, eq(apps.projectId, id)),
        buildSeconds: await builtToday(db, id, clock()),
        ...(await volumeUse(db, id)),
        ...(await databaseUse(db, id)),
      };
    },
  };
}

/** Makes the default project unless it is there. */
export async function ensureDefaultProject({ db, clock, random }: ControlParts): Promise<void> {
  const row = { id: newId(random, 'p', 12), name: DEFAULT_PROJECT, createdAt: clock() };
  await db.insert(projects).values(row).onConflictDoNothing({ target: projects.name });
}

function toProject(row: { id: string; name: string; createdAt: Date }): Project {
  return { id: row.id, name: row.name, createdAt: row.createdAt.toISOString() };
}
