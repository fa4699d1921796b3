import { asc, eq } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { Control, Project } from './contract.ts';
import type { Database } from './db/open.ts';
import { projects } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { newId } from './ids.ts';
import { requireProjectName } from './names.ts';
import type { ControlParts } from './parts.ts';

/** The project that is there from the first start. */
export const DEFAULT_PROJECT = 'default';

export function createProjects({ db, clock, random }: ControlParts): Control['projects'] {
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
  };
}

/** Makes the default project unless it is there. */
export async function ensureDefaultProject({ db, clock, random }: ControlParts): Promise<void> {
  const row = { id: newId(random, 'p', 12), name: DEFAULT_PROJECT, createdAt: clock() };
  await db.insert(projects).values(row).onConflictDoNothing({ target: projects.name });
}

/**
 * The id of a project by its name.
 *
 * @throws ThawError `not_found`
 */
export async function projectIdOf(db: Database, name: string): Promise<string> {
  const [row] = await db.select({ id: projects.id }).from(projects).where(eq(projects.name, name));
  if (row === undefined) throw new ThawError('not_found', `There is no project called ${name}.`);
  return row.id;
}

function toProject(row: { id: string; name: string; createdAt: Date }): Project {
  return { id: row.id, name: row.name, createdAt: row.createdAt.toISOString() };
}
