import { and, asc, desc, eq, getTableColumns, gt, inArray, isNotNull, lt, notExists, or, sql } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import { appRowOf } from './apps.ts';
import type { Control, Deployment, DeploymentStatus } from './contract.ts';
import { apps, branches, deployments, releases } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { sealedValues, unseal } from './environment.ts';
import { newId } from './ids.ts';
import { requireBranch } from './names.ts';
import { lockOld, noSuchDeployment, unneeded } from './old-deployment.ts';
import type { ControlParts } from './parts.ts';

const COMMIT = /^[0-9a-f]{40}$/;
/** What is kept of a failure: its last lines say why. */
const ERROR_MAX = 16_384;

/** All but the environment, which is large and secret, and looked at alone. */
const { environment: _, ...columns } = getTableColumns(deployments);

type DeploymentRow = Omit<typeof deployments.$inferSelect, 'environment'>;

export function createDeployments(
  { db, clock, random, seal, routesChanged }: ControlParts,
  removeArtifact: Control['artifacts']['remove'],
): Control['deployments'] {
  const query = () =>
    db
      .select({ deployment: columns, app: apps.name })
      .from(deployments)
      .innerJoin(apps, eq(deployments.appId, apps.id));

  async function get(id: string): Promise<Deployment> {
    const [row] = await query().where(eq(deployments.id, id));
    if (row === undefined) throw noSuchDeployment(id);
    return toDeployment(row.deployment, row.app);
  }

  /** Ready, and its push or upload was broken off before the release. */
  const neverReleased = and(
    eq(deployments.status, 'ready'),
    notExists(db.select({ id: releases.id }).from(releases).where(eq(releases.deploymentId, deployments.id))),
  );

  /** Why a change found no deployment in the status it needs. */
  async function wrongStatus(id: string): Promise<ThawError> {
    const { status } = await get(id);
    return isAlready(id, status);
  }

  return {
    async begin({ app, branch, commit }) {
      requireBranch(branch);
      if (commit !== null && !COMMIT.test(commit)) {
        throw new ThawError('invalid_input', 'A commit is named by its 40 hex digits.');
      }
      const { id: appId } = await appRowOf(db, app);
      const values = {
        id: newId(random, 'd', 11),
        appId,
        branch,
        commit,
        status: 'building',
        environment: await sealedValues(db, appId, { branch }),
        createdAt: clock(),
      } as const;
      try {
        const [row] = await db.insert(deployments).values(values).returning(columns);
        if (row === undefined) throw new Error('an insert returned nothing');
        return toDeployment(row, app);
      } catch (error) {
        if (violated(error) !== 'deployments_app_id_apps_id_fk') throw error;
        throw new ThawError('not_found', `The app ${app} was removed meanwhile.`, { cause: error });
      }
    },

    async ready(id, { kind, template, run, scaling = {}, crons = [] }) {
      const row = await db.transaction(async (tx) => {
        const [changed] = await tx
          .update(deployments)
          .set({ status: 'ready', kind, template, run, scaling, crons, readyAt: clock() })
          .where(and(eq(deployments.id, id), eq(deployments.status, 'building')))
          .returning({ appId: deployments.appId });
        if (changed !== undefined) await tx.update(apps).set({ kind }).where(eq(apps.id, changed.appId));
        return changed;
      });
      if (row === undefined) throw await wrongStatus(id);
      routesChanged();
      return get(id);
    },

    async fail(id, reason) {
      const failed = await db
        .update(deployments)
        .set({ status: 'failed', error: keepable(reason) })
        .where(and(eq(deployments.id, id), or(eq(deployments.status, 'building'), neverReleased)))
        .returning({ id: deployments.id });
      if (failed.length === 0) throw await wrongStatus(id);
      routesChanged();
    },

    async rebaked(id, template) {
      const changed = await db
        .update(deployments)
        .set({ template })
        .where(and(eq(deployments.id, id), eq(deployments.status, 'ready')))
        .returning({ id: deployments.id });
      if (changed.length === 0) throw await wrongStatus(id);
      routesChanged();
    },

    get,

    async environment(id) {
      const [row] = await db
        .select({ appId: deployments.appId, sealed: deployments.environment })
        .from(deployments)
        .where(eq(deployments.id, id));
      if (row === undefined) throw noSuchDeployment(id);
      return unseal(seal, row.appId, row.sealed);
    },

    async list(app) {
      const { id } = await appRowOf(db, app);
      const rows = await query().where(eq(deployments.appId, id)).orderBy(desc(deployments.seq));
      return rows.map((row) => toDeployment(row.deployment, row.app));
    },

    async failInterrupted() {
      const failed = await db
        .update(deployments)
        .set({ status: 'failed', error: 'The server ended while this was being built. Push or deploy it again.' })
        .where(eq(deployments.status, 'building'))
        .returning({ id: deployments.id });
      return failed.map(({ id }) => id);
    },

    async unreleased() {
      const rows = await query()
        .where(and(neverReleased, isNotNull(deployments.commit)))
        .orderBy(desc(deployments.seq));
      return rows.map((row) => toDeployment(row.deployment, row.app));
    },

    async templatesInUse() {
      const rows = await db
        .selectDistinct({ template: deployments.template })
        .from(deployments)
        .where(and(eq(deployments.status, 'ready'), isNotNull(deployments.template)));
      return new Set(rows.flatMap(({ template }) => template ?? []));
    },

    async expired({ keep, olderThanMs }) {
      const ranked = db
        .select({
          id: deployments.id,
          rank: sql<number>`row_number() over (partition by ${deployments.appId}, ${deployments.status} order by ${deployments.seq} desc)`
            .mapWith(Number)
            .as('rank'),
        })
        .from(deployments)
        .as('ranked');
      const rows = await query()
        .innerJoin(ranked, eq(ranked.id, deployments.id))
        .where(
          and(
            inArray(deployments.status, ['ready', 'failed']),
            gt(ranked.rank, keep),
            lt(deployments.createdAt, new Date(clock().getTime() - olderThanMs)),
            notExists(db.select({ id: branches.name }).from(branches).where(eq(branches.deploymentId, deployments.id))),
          ),
        )
        .orderBy(asc(deployments.seq));
      return rows.map((row) => toDeployment(row.deployment, row.app));
    },

    async forgetTemplate(id) {
      const forgotten = await db.transaction(async (tx) => {
        const { status, template } = await lockOld(tx, id);
        if (status !== 'ready') throw isAlready(id, status);
        await tx.update(deployments).set({ template: null }).where(eq(deployments.id, id));
        return { templates: await unneeded(tx, [template]) };
      });
      routesChanged();
      return forgotten;
    },

    async remove(id) {
      const removed = await db.transaction(async (tx) => {
        const { status, template } = await lockOld(tx, id);
        if (status === 'building') throw isAlready(id, status);
        await tx.delete(deployments).where(eq(deployments.id, id));
        return { templates: await unneeded(tx, [template]) };
      });
      routesChanged();
      await removeArtifact(id);
      return removed;
    },
  };
}

function isAlready(id: string, status: DeploymentStatus): ThawError {
  return new ThawError('conflict', `Deployment ${id} is ${status}${status === 'building' ? '' : ' already'}.`);
}

/** What tenant code wrote may hold what Postgres text cannot: NUL and halves of surrogate pairs. */
function keepable(text: string): string {
  return text.slice(-ERROR_MAX).replaceAll('\0', '').toWellFormed();
}

function toDeployment(row: DeploymentRow, app: string): Deployment {
  return {
    id: row.id,
    app,
    branch: row.branch,
    commit: row.commit,
    status: row.status,
    kind: row.kind,
    error: row.error,
    template: row.template,
    run: row.run,
    scaling: row.scaling,
    crons: row.crons,
    createdAt: row.createdAt.toISOString(),
    readyAt: row.readyAt?.toISOString() ?? null,
  };
}
