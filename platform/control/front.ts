import { and, eq, sql } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { Release, ReleaseReason } from './contract.ts';
import type { Database } from './db/open.ts';
import { branches, deployments, releases } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { newId } from './ids.ts';
import { branchLabel } from './names.ts';
import { noSuchDeployment } from './old-deployment.ts';
import type { ControlParts } from './parts.ts';

/** A release to be made. */
interface Wanted {
  app: string;
  appId: string;
  branch: string;
  reason: ReleaseReason;
  /** The deployment to put in front. Called while nobody else can change what is in front of the branch. */
  choose(tx: Database): Promise<string>;
}

/**
 * Puts a ready deployment of the app in front of a branch.
 *
 * @throws ThawError `not_found`, `conflict` when it is not ready, or what `choose` throws
 */
export async function putInFront(
  { db, clock, random, routesChanged }: ControlParts,
  { app, appId, branch, reason, choose }: Wanted,
): Promise<Release> {
  const row = await db
    .transaction(async (tx) => {
      await tx.select({ name: branches.name }).from(branches).where(isBranch(appId, branch)).for('update');
      const deployment = await choose(tx);
      await requireReady(tx, appId, deployment);
      // The branch's row is locked from here to the commit, also a new one: two releases at once get two numbers.
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
}

/** The deployment in front of a branch. */
export async function inFront(tx: Database, appId: string, branch: string): Promise<string | undefined> {
  const [row] = await tx.select({ id: branches.deploymentId }).from(branches).where(isBranch(appId, branch));
  return row?.id ?? undefined;
}

export function toRelease(row: Omit<typeof releases.$inferSelect, 'seq'>, app: string): Release {
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

async function requireReady(tx: Database, appId: string, deployment: string): Promise<void> {
  // Shared: it can neither fail nor be removed before the release is there.
  const [built] = await tx
    .select({ status: deployments.status })
    .from(deployments)
    .where(and(eq(deployments.id, deployment), eq(deployments.appId, appId)))
    .for('share');
  if (built === undefined) throw noSuchDeployment(deployment);
  if (built.status === 'ready') return;
  throw new ThawError('conflict', `Deployment ${deployment} is ${built.status}; only a ready one can be released.`, {
    hint: built.status === 'building' ? 'Wait until it is built.' : 'Push or deploy it again.',
  });
}

function isBranch(appId: string, branch: string) {
  return and(eq(branches.appId, appId), eq(branches.name, branch));
}
