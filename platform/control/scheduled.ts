import { and, eq, sql } from 'drizzle-orm';
import { type Control, PRODUCTION_BRANCH } from './contract.ts';
import type { Database } from './db/open.ts';
import { apps, branches, deployments, releases } from './db/schema.ts';

/** The crons of what is in front of each app; apps without any are left out. */
export async function readScheduled(db: Database): ReturnType<Control['scheduled']> {
  const rows = await db
    .select({ app: apps.name, deployment: deployments.id, since: releases.createdAt, crons: deployments.crons })
    .from(branches)
    .innerJoin(deployments, eq(branches.deploymentId, deployments.id))
    .innerJoin(apps, eq(branches.appId, apps.id))
    .innerJoin(
      releases,
      and(
        eq(releases.appId, branches.appId),
        eq(releases.branch, branches.name),
        eq(releases.number, branches.releases),
      ),
    )
    .where(and(eq(branches.name, PRODUCTION_BRANCH), sql`jsonb_array_length(${deployments.crons}) > 0`));
  return rows.map((row) => ({ ...row, since: row.since.toISOString() }));
}
