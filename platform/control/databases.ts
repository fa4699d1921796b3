import { asc, eq } from 'drizzle-orm';
import type { DatabaseRecords } from '../databases/records.ts';
import { ThawError } from '../errors.ts';
import { databases } from './db/database-schema.ts';
import { projects } from './db/schema.ts';
import { violated } from './db/violation.ts';
import type { ControlParts } from './parts.ts';
import { projectIdOf } from './project-row.ts';

/** What a password is sealed for. */
const PASSWORD = 'password';
const BACKUP_KEY = 'backup-key';

export function createDatabases({ db, seal }: ControlParts): DatabaseRecords {
  return {
    async add({ project, password, backupKey, createdAt, ...database }) {
      const { id, name } = database;
      try {
        await db.insert(databases).values({
          ...database,
          projectId: await projectIdOf(db, project),
          password: seal.seal(password, { appId: id, name: PASSWORD }),
          backupKey: seal.seal(backupKey, { appId: id, name: BACKUP_KEY }),
          createdAt: new Date(createdAt),
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
  };
}
