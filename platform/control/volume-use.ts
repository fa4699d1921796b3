import { eq, sum } from 'drizzle-orm';
import type { Database } from './db/open.ts';
import { volumeSnapshots, volumes } from './db/volume-schema.ts';

/** How many volumes a project has, and the sizes of all together, snapshots included. */
export async function volumeUse(db: Database, projectId: string): Promise<{ volumes: number; volumeMiB: number }> {
  const [own] = await db
    .select({ sizeMiB: sum(volumes.sizeMiB).mapWith(Number) })
    .from(volumes)
    .where(eq(volumes.projectId, projectId));
  const [kept] = await db
    .select({ sizeMiB: sum(volumeSnapshots.sizeMiB).mapWith(Number) })
    .from(volumeSnapshots)
    .innerJoin(volumes, eq(volumeSnapshots.volumeId, volumes.id))
    .where(eq(volumes.projectId, projectId));
  const count = await db.$count(volumes, eq(volumes.projectId, projectId));
  return { volumes: count, volumeMiB: (own?.sizeMiB ?? 0) + (kept?.sizeMiB ?? 0) };
}
