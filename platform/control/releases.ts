import { and, desc, eq, isNotNull, sql } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import { appRowOf } from './apps.ts';
import { type Control, PRODUCTION_BRANCH, type Release } from './contract.ts';
import { apps, branches, deployments, releases } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { noSuchDeployment } from './deployments.ts';
import { newId } from './ids.ts';
import { branchLabel, requireBranch } from './names.ts';
import type { ControlParts } from './parts.ts';

export function createReleases({ db, clock, random, routesChanged }: ControlParts): Control['releases'] {
  return {
    async create({ app, branch, deployment, reason }) {
      requireBranch(branch);
      const { id: appId } = await appRowOf(db, app);
      const row = await db
        .transaction(async (tx) => {
          const [built] = await tx
            .select({ status: deployments.status })
            .from(deployments)
            .where(and(eq(deployments.id, deployment), eq(deployments.appId, appId)));
          if (built === undefined) throw noSuchDeployment(deployment);
          if (built.status !== 'ready') {
            throw new ThawError(
              'conflict',
              `Deployment ${deployment} is ${built.status}; only a ready one can be released.`,
            );
          }
          // The branch's row is locked from here to the commit: two releases at once get two numbers.
          const [head] = await tx
            .insert(branches)
            .values({ appId, name: branch, label: branchLabel(branch, app), releases: 1, deploymentId: deployment })
            .onConflictDoUpdate({
              target: [branches.appId, branches.name],
              set: { releases: sql`${branches.releases} + 1`, deploymentId: deployment },
            })
            .returning({ number: branches.releases });
          if (head === undefined) throw new Error('an upsert returned nothing');
          const values = { id: newId(random, 'r', 12), appId, branch, number: head.number, deploymentId: deployment };
          const release = { ...values, reason, createdAt: clock() };
          await tx.insert(releases).values(release);
          return release;
        })
        .catch((error: unknown) => {
          if (violated(error) !== 'branches_label') throw error;
          throw new ThawError('conflict', `The host name of branch ${branch} belongs to another branch.`, {
            hint: 'Push it under another name.',
            cause: error,
          });
        });
      routesChanged();
      return toRelease(row, app);
    },

    async list(app) {
      const { id } = await appRowOf(db, app);
      const rows = await db.select().from(releases).where(eq(releases.appId, id)).orderBy(desc(releases.seq));
      return rows.map((row) => toRelease(row, app));
    },

    async current(app, branch) {
      const [row] = await db
        .select({ release: releases })
        .from(branches)
        .innerJoin(apps, eq(branches.appId, apps.id))
        .innerJoin(
          releases,
          and(
            eq(releases.appId, branches.appId),
            eq(releases.branch, branches.name),
            eq(releases.number, branches.releases),
          ),
        )
        .where(and(eq(apps.name, app), eq(branches.name, branch), isNotNull(branches.deploymentId)));
      return row && toRelease(row.release, app);
    },

    async endBranch(app, branch) {
      if (branch === PRODUCTION_BRANCH) {
        throw new ThawError('invalid_input', `The branch ${branch} is the app itself and cannot end.`, {
          hint: 'Remove the app to take it away.',
        });
      }
      const { id } = await appRowOf(db, app);
      // The count of releases stays: a branch that comes back goes on from there.
      const ended = await db
        .update(branches)
        .set({ deploymentId: null })
        .where(and(eq(branches.appId, id), eq(branches.name, branch), isNotNull(branches.deploymentId)))
        .returning({ label: branches.label });
      if (ended.length > 0) routesChanged();
    },
  };
}

function toRelease(row: Omit<typeof releases.$inferSelect, 'seq'>, app: string): Release {
  return {
    id: row.id,
    app,
    branch: row.branch,
    number: row.number,
    deployment: row.deploymentId,
    reason: row.reason,
    createdAt: row.createdAt.toISOString(),
  };
}
