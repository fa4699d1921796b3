import { index, integer, pgTable, text, unique } from 'drizzle-orm/pg-core';
import { apps, moment, projectId, sequence } from './schema.ts';

export const volumes = pgTable(
  'volumes',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    projectId: projectId().notNull(),
    name: text('name').notNull(),
    /** The host's disk. */
    disk: text('disk').notNull().unique('volumes_disk'),
    sizeMiB: integer('size_mib').notNull(),
    /** The app that it was attached to. An app that is removed leaves it. */
    appId: text('app_id').references(() => apps.id, { onDelete: 'set null' }),
    path: text('path'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [unique('volumes_name').on(table.projectId, table.name), index('volumes_app').on(table.appId)],
);

/** Volumes as they were. */
export const volumeSnapshots = pgTable(
  'volume_snapshots',
  {
    seq: sequence(),
    volumeId: text('volume_id')
      .notNull()
      .references(() => volumes.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    disk: text('disk').notNull().unique('volume_snapshots_disk'),
    sizeMiB: integer('size_mib').notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [unique('volume_snapshots_name').on(table.volumeId, table.name)],
);
