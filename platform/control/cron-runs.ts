import { and, desc, eq, lte, ne } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import { appRowOf } from './apps.ts';
import type { CronRun, CronRuns } from './contract.ts';
import { apps, cronRuns } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { newId } from './ids.ts';
import type { ControlParts } from './parts.ts';

/** Records that are kept of each cron; those that still run are not counted out. */
const KEPT = 100;

type Row = typeof cronRuns.$inferSelect;

export function createCronRuns({ db, clock, random }: ControlParts): CronRuns {
  const query = () =>
    db.select({ run: cronRuns, app: apps.name }).from(cronRuns).innerJoin(apps, eq(cronRuns.appId, apps.id));

  async function add(app: string, values: Omit<typeof cronRuns.$inferInsert, 'id' | 'appId'>): Promise<CronRun> {
    const { id: appId } = await appRowOf(db, app);
    try {
      const [row] = await db
        .insert(cronRuns)
        .values({ ...values, id: newId(random, 'c', 15), appId })
        .returning();
      if (row === undefined) throw new Error('an insert returned nothing');
      await trim(row);
      return toRun(row, app);
    } catch (error) {
      if (violated(error) !== 'cron_runs_app_id_apps_id_fk') throw error;
      throw new ThawError('not_found', `The app ${app} was removed meanwhile.`, { cause: error });
    }
  }

  async function trim({ appId, cron }: Row): Promise<void> {
    const ofCron = and(eq(cronRuns.appId, appId), eq(cronRuns.cron, cron));
    const [first] = await db
      .select({ seq: cronRuns.seq })
      .from(cronRuns)
      .where(ofCron)
      .orderBy(desc(cronRuns.seq))
      .offset(KEPT)
      .limit(1);
    if (first === undefined) return;
    await db.delete(cronRuns).where(and(ofCron, lte(cronRuns.seq, first.seq), ne(cronRuns.outcome, 'running')));
  }

  return {
    begin({ app, cron, deployment, trigger, dueAt }) {
      const times = { dueAt: new Date(dueAt), startedAt: clock() };
      return add(app, { cron, deployment, trigger, outcome: 'running', ...times, skipped: 0, missed: 0 });
    },

    async end(id, { outcome, status, ms, error, skipped }) {
      await db
        .update(cronRuns)
        .set({ outcome, status, ms, error, skipped, endedAt: clock() })
        .where(eq(cronRuns.id, id));
      const [row] = await query().where(eq(cronRuns.id, id));
      if (row === undefined) throw new ThawError('not_found', 'The app of this run was removed meanwhile.');
      return toRun(row.run, row.app);
    },

    missed({ app, cron, deployment, dueAt, missed, error }) {
      const now = clock();
      const times = { dueAt: new Date(dueAt), startedAt: now, endedAt: now };
      return add(app, {
        cron,
        deployment,
        trigger: 'schedule',
        outcome: 'missed',
        ...times,
        error,
        skipped: 0,
        missed,
      });
    },

    async latest() {
      const rows = await db
        .selectDistinctOn([cronRuns.appId, cronRuns.cron], { run: cronRuns, app: apps.name })
        .from(cronRuns)
        .innerJoin(apps, eq(cronRuns.appId, apps.id))
        .orderBy(cronRuns.appId, cronRuns.cron, desc(cronRuns.seq));
      return rows.map(({ run, app }) => toRun(run, app));
    },

    async list(app, { cron, limit }) {
      const { id } = await appRowOf(db, app);
      const rows = await query()
        .where(and(eq(cronRuns.appId, id), cron === undefined ? undefined : eq(cronRuns.cron, cron)))
        .orderBy(desc(cronRuns.seq))
        .limit(limit);
      return rows.map(({ run }) => toRun(run, app));
    },

    async interruptRunning() {
      // When it ended is not known, so its end stays open: what was due since its start has been missed.
      const changed = await db
        .update(cronRuns)
        .set({ outcome: 'interrupted', error: 'The server ended during this run.' })
        .where(eq(cronRuns.outcome, 'running'))
        .returning({ id: cronRuns.id });
      return changed.length;
    },
  };
}

function toRun({ appId: _, seq: __, dueAt, startedAt, endedAt, ...row }: Row, app: string): CronRun {
  return {
    ...row,
    app,
    dueAt: dueAt.toISOString(),
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}
