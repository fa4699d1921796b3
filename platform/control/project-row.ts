import { eq } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { ProjectLimits } from './contract.ts';
import type { Database } from './db/open.ts';
import { projects } from './db/schema.ts';
import { withDefaults } from './quota.ts';

/**
 * The id of a project by its name.
 *
 * @throws ThawError `not_found`
 */
export async function projectIdOf(db: Database, name: string): Promise<string> {
  return (await projectRowOf(db, name)).id;
}

/**
 * The id of a project and its limits.
 *
 * @throws ThawError `not_found`
 */
export async function projectRowOf(db: Database, name: string): Promise<{ id: string; limits: ProjectLimits }> {
  return found(name, await query(db, name));
}

/** The same, and until the end of the transaction nobody else gets it so: what is counted stays true. */
export async function lockProject(tx: Database, name: string): Promise<{ id: string; limits: ProjectLimits }> {
  return found(name, await query(tx, name).for('no key update'));
}

function query(db: Database, name: string) {
  return db.select({ id: projects.id, limits: projects.limits }).from(projects).where(eq(projects.name, name));
}

function found(name: string, [row]: { id: string; limits: Partial<ProjectLimits> }[]) {
  if (row === undefined) throw noSuchProject(name);
  return { id: row.id, limits: withDefaults(row.limits) };
}

export function noSuchProject(name: string): ThawError {
  return new ThawError('not_found', `There is no project called ${name}.`);
}
