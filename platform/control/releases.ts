import { and, desc, eq, isNotNull } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import { appRowOf } from './apps.ts';
import { type Control, PRODUCTION_BRANCH } from './contract.ts';
import { apps, branches, releases } from './db/schema.ts';
import { inFront, putInFront, toRelease } from './front.ts';
import { requireBranch } from './names.ts';
import type { ControlParts } from './parts.ts';
import { deploymentToGoBackTo } from './rollback.ts';

export function createReleases(parts: ControlParts): Control['releases'] {
  const { db, routesChanged } = parts;
  /** The newest releases of branches that have one in front. */
  const current = () =>
    db
      .select({ release: releases, app: apps.name })
      .from(branches)
      .innerJoin(apps, eq(branches.appId, apps.id))
      .innerJoin(
        releases,
        and(
          eq(releases.appId, branches.appId),
          eq(releases.branch, branches.name),
          eq(releases.number, branches.releases),
        ),
      );

  return {
    async create({ app, branch, deployment, reason }) {
      requireBranch(branch);
      const { id: appId } = await appRowOf(db, app);
      return putInFront(parts, { app, appId, branch, reason, choose: async () => deployment });
    },

    async rollback({ app, branch, release }) {
      requireBranch(branch);
      const { id: appId } = await appRowOf(db, app);
      const choose = (tx: typeof db) => deploymentToGoBackTo(tx, { app, appId, branch, release });
      return putInFront(parts, { app, appId, branch, reason: 'rollback', choose });
    },

    async earlier({ app, branch, release }) {
      requireBranch(branch);
      const { id: appId } = await appRowOf(db, app);
      return deploymentToGoBackTo(db, { app, appId, branch, release });
    },

    async promote({ app, ...what }) {
      const { id: appId } = await appRowOf(db, app);
      const to = { app, appId, branch: PRODUCTION_BRANCH, reason: 'promote' } as const;
      if ('deployment' in what) return putInFront(parts, { ...to, choose: async () => what.deployment });
      const { branch } = what;
      requireBranch(branch);
      if (branch === PRODUCTION_BRANCH) {
        throw new ThawError('invalid_input', `${branch} is the app itself already.`, {
          hint: 'Name the branch of a preview, or a deployment.',
        });
      }
      const choose = async (tx: typeof db) => {
        const deployment = await inFront(tx, appId, branch);
        if (deployment !== undefined) return deployment;
        throw new ThawError('not_found', `${app} has nothing in front of ${branch} that could be promoted.`, {
          hint: `See \`thaw releases ${app}\` for what was released; push the branch first.`,
        });
      };
      return putInFront(parts, { ...to, choose });
    },

    async list(app) {
      const { id } = await appRowOf(db, app);
      const rows = await db.select().from(releases).where(eq(releases.appId, id)).orderBy(desc(releases.seq));
      return rows.map((row) => toRelease(row, app));
    },

    async current(app, branch) {
      const where = and(eq(apps.name, app), eq(branches.name, branch), isNotNull(branches.deploymentId));
      const [row] = await current().where(where);
      return row && toRelease(row.release, app);
    },

    async inFront(name) {
      const one = name === null ? undefined : eq(apps.id, (await appRowOf(db, name)).id);
      const rows = await current()
        .where(and(one, isNotNull(branches.deploymentId)))
        .orderBy(desc(releases.seq));
      return rows.map(({ release, app }) => toRelease(release, app));
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
