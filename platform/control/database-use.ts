import { eq, sum } from 'drizzle-orm';
import { databases } from './db/database-schema.ts';
import type { Database } from './db/open.ts';

/** How many databases a project has, and the sizes of their disks together; those that are being made and removed count. */
export async function databaseUse(
  db: Database,
  projectId: string,
): Promise<{ databases: number; databaseMiB: number }> {
  const own = eq(databases.projectId, projectId);
  const [all] = await db
    .select({ diskMiB: sum(databases.diskMiB).mapWith(Number) })
    .from(databases)
    .where(own);
  return { databases: await db.$count(databases, own), databaseMiB: all?.diskMiB ?? 0 };
}
