import { and, asc, eq } from 'drizzle-orm';
import type { DatabaseRecords } from '../databases/records.ts';
import { ThawError } from '../errors.ts';
import type { ProjectLimits } from './contract.ts';
import { databaseUse } from './database-use.ts';
import { databaseAttachments, databases } from './db/database-schema.ts';
import type { Database } from './db/open.ts';
import { apps, projects } from './db/schema.ts';
import { violated } from './db/violation.ts';
import type { ControlParts } from './parts.ts';
import { lockProject } from './project-row.ts';
import { quotaExceeded } from './quota.ts';

/** What a password is sealed for. */
const PASSWORD = 'password';
const BACKUP_KEY = 'backup-key';

export function createDatabases({ db, seal }: ControlParts): DatabaseRecords {
  return {
    async add({ project, password, backupKey, createdAt, ...database }) {
      const { id, name, diskMiB } = database;
      try {
        await db.transaction(async (tx) => {
          const { id: projectId, limits } = await lockProject(tx, project);
          await within(tx, { project, projectId, limits }, diskMiB);
          await tx.insert(databases).values({
            ...database,
            projectId,
            password: seal.seal(password, { appId: id, name: PASSWORD }),
            backupKey: seal.seal(backupKey, { appId: id, name: BACKUP_KEY }),
            createdAt: new Date(createdAt),
          });
        });
      } catch (error) {
        if (violated(error) !== 'databases_name') throw error;
        throw new ThawError('conflict', `There is a database called ${name} already.`, { cause: error });
      }
    },

    async update(id, { password, ...change }) {
      const sealed = password === undefined ? {} : { password: seal.seal(password, { appId: id, name: PASSWORD }) };
      await db
        .update(databases)
        .set({ ...change, ...sealed })
        .where(eq(databases.id, id));
    },

    async drop(id) {
      await db.delete(databases).where(eq(databases.id, id));
    },

    async all() {
      const rows = await db
        .select({ row: databases, project: projects.name })
        .from(databases)
        .innerJoin(projects, eq(databases.projectId, projects.id))
        .orderBy(asc(databases.seq));
      return rows.map(({ row: { seq: _, projectId: __, password, backupKey, createdAt, ...row }, project }) => ({
        ...row,
        project,
        password: seal.open(password, { appId: row.id, name: PASSWORD }),
        backupKey: seal.open(backupKey, { appId: row.id, name: BACKUP_KEY }),
        createdAt: createdAt.toISOString(),
      }));
    },

    async attach(databaseId, { app, target, branches }) {
      // Only an app of the same project reaches it.
      const [row] = await db
        .select({ id: apps.id })
        .from(apps)
        .innerJoin(databases, eq(databases.projectId, apps.projectId))
        .where(and(eq(apps.name, app), eq(databases.id, databaseId)));
      if (row === undefined) {
        throw new ThawError('not_found', `The project of the database has no app called ${app}.`, {
          hint: 'See `thaw apps` for those there are; the first push or deploy makes one.',
        });
      }
      await db
        .insert(databaseAttachments)
        .values({ databaseId, appId: row.id, target, branches })
        .onConflictDoUpdate({
          target: [databaseAttachments.appId, databaseAttachments.target],
          set: { databaseId, branches },
        });
    },

    async detach(databaseId, app) {
      const [row] = await db.select({ id: apps.id }).from(apps).where(eq(apps.name, app));
      if (row === undefined) return;
      await db
        .delete(databaseAttachments)
        .where(and(eq(databaseAttachments.databaseId, databaseId), eq(databaseAttachments.appId, row.id)));
    },

    async attachments(of) {
      const { target, branches } = databaseAttachments;
      return db
        .select({ database: databases.name, app: apps.name, target, branches })
        .from(databaseAttachments)
        .innerJoin(databases, eq(databaseAttachments.databaseId, databases.id))
        .innerJoin(apps, eq(databaseAttachments.appId, apps.id))
        .where('database' in of ? eq(databases.id, of.database) : eq(apps.id, of.app))
        .orderBy(asc(apps.name), asc(target));
    },
  };
}

/** @throws ThawError `quota_exceeded` when one more with such a disk is more than the project may have */
async function within(
  tx: Database,
  { project, projectId, limits }: { project: string; projectId: string; limits: ProjectLimits },
  diskMiB: number,
): Promise<void> {
  const used = await databaseUse(tx, projectId);
  if (limits.databases !== null && used.databases >= limits.databases) {
    throw quotaExceeded(project, 'databases', limits.databases);
  }
  if (limits.databaseMiB !== null && used.databaseMiB + diskMiB > limits.databaseMiB) {
    throw quotaExceeded(project, 'databaseMiB', limits.databaseMiB);
  }
}
