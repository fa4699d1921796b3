import { sql } from 'drizzle-orm';
import { check, doublePrecision, integer, jsonb, pgTable, text, unique } from 'drizzle-orm/pg-core';
import type { KeepAwake } from '../../databases/contract.ts';
import type { DatabaseRecord } from '../../databases/records.ts';
import { moment, projectId, sequence } from './schema.ts';

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
    memoryMiB: integer('memory_mib').notNull(),
    diskMiB: integer('disk_mib').notNull(),
    idleSeconds: doublePrecision('idle_seconds').notNull(),
    keepAwake: jsonb('keep_awake').$type<KeepAwake[]>().notNull(),
    /** Refers to nothing: it may be gone before. */
    parent: text('parent'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    unique('databases_name').on(table.projectId, table.name),
    check('databases_status', sql`${table.status} in ('creating', 'ready', 'removing')`),
  ],
);
