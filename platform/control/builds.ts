import { and, eq, sql } from 'drizzle-orm';
import type { Control } from './contract.ts';
import type { Database } from './db/open.ts';
import { builds } from './db/schema.ts';
import type { ControlParts } from './parts.ts';
import { projectRowOf } from './project-row.ts';
import { quotaExceeded } from './quota.ts';

const SECONDS_PER_MINUTE = 60;
const BYTES_PER_MIB = 1024 ** 2;

export function createBuilds({ db, clock }: ControlParts): Control['builds'] {
  return {
    async record(project, seconds) {
      const { id: projectId } = await projectRowOf(db, project);
      await db
        .insert(builds)
        .values({ projectId, day: dayOf(clock()), seconds })
        .onConflictDoUpdate({
          target: [builds.projectId, builds.day],
          set: { seconds: sql`${builds.seconds} + excluded.seconds` },
        });
    },

    async requireRoom(project, disk) {
      const { id, limits } = await projectRowOf(db, project);
      const { buildMinutes, diskMiB } = limits;
      if (buildMinutes !== null && (await builtToday(db, id, clock())) >= buildMinutes * SECONDS_PER_MINUTE) {
        throw quotaExceeded(project, 'buildMinutes', buildMinutes);
      }
      if (diskMiB !== null && (await disk()) >= diskMiB * BYTES_PER_MIB)
        throw quotaExceeded(project, 'diskMiB', diskMiB);
    },
  };
}

/** Seconds that a project has built on the day of `now`, in UTC. */
export async function builtToday(db: Database, projectId: string, now: Date): Promise<number> {
  const [row] = await db
    .select({ seconds: builds.seconds })
    .from(builds)
    .where(and(eq(builds.projectId, projectId), eq(builds.day, dayOf(now))));
  return row?.seconds ?? 0;
}

function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}
