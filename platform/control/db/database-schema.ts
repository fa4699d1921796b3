import { sql } from 'drizzle-orm';
import { boolean, check, doublePrecision, index, integer, jsonb, pgTable, text, unique } from 'drizzle-orm/pg-core';
import type { DatabaseAttachment, KeepAwake } from '../../databases/contract.ts';
import type { DatabaseRecord } from '../../databases/records.ts';
import { apps, moment, projectId, sequence } from './schema.ts';

/** Managed Postgres databases. */
export const databases = pgTable(
  'databases',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    projectId: projectId().notNull(),
    name: text('name').notNull(),
    dbname: text('dbname').notNull(),
    endpoint: text('endpoint').notNull().unique('databases_endpoint'),
    status: text('status').$type<DatabaseRecord['status']>().notNull(),
    /** Sealed, see `sealed.ts`. */
    password: text('password').notNull(),
    /** Sealed too. */
    backupKey: text('backup_key').notNull(),
    /** The host's disk. */
    disk: text('disk'),
    /** Major version of PostgreSQL. */
    version: integer('version').notNull().default(17),
    memoryMiB: integer('memory_mib').notNull(),
    diskMiB: integer('disk_mib').notNull(),
    idleSeconds: doublePrecision('idle_seconds').notNull(),
    keepAwake: jsonb('keep_awake').$type<KeepAwake[]>().notNull(),
    /** Refers to nothing: it may be gone before. */
    parent: text('parent'),
    /** So does this: the app may be gone before. */
    preview: jsonb('preview').$type<DatabaseRecord['preview']>(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    unique('databases_name').on(table.projectId, table.name),
    check('databases_status', sql`${table.status} in ('creating', 'ready', 'removing')`),
  ],
);

/** Which apps have a database in their environment. */
export const databaseAttachments = pgTable(
  'database_attachments',
  {
    databaseId: text('database_id')
      .notNull()
      .references(() => databases.id, { onDelete: 'cascade' }),
    appId: text('app_id')
      .notNull()
      .references(() => apps.id, { onDelete: 'cascade' }),
    target: text('target').$type<DatabaseAttachment['target']>().notNull(),
    /** Each preview has a branch of the database. */
    branches: boolean('branches').notNull(),
  },
  (table) => [
    // The names of the values are the same whatever the database is: one for each target.
    unique('database_attachments_target').on(table.appId, table.target),
    index('database_attachments_database').on(table.databaseId),
    check('database_attachments_targets', sql`${table.target} in ('production', 'preview')`),
    check('database_attachments_branches', sql`${table.target} = 'preview' or not ${table.branches}`),
  ],
);
