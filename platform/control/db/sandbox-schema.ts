import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
} from 'drizzle-orm/pg-core';
import type { SandboxEgress, SandboxEndReason, SandboxPorts, SandboxState } from '../../sandboxes/contract.ts';
import { moment, projectId, sequence } from './schema.ts';

/** Sandboxes: those that are there, and the newest of those that are over. */
export const sandboxes = pgTable(
  'sandboxes',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    projectId: projectId().notNull(),
    template: text('template').notNull(),
    hostTemplate: text('host_template').notNull(),
    state: text('state').$type<SandboxState>().notNull(),
    endReason: text('end_reason').$type<SandboxEndReason>(),
    metadata: jsonb('metadata').$type<Record<string, string>>().notNull().default({}),
    /** By name; sealed, see `sealed.ts`. Emptied when it is over. */
    environment: jsonb('environment').$type<Record<string, string>>().notNull().default({}),
    egress: jsonb('egress').$type<SandboxEgress>().notNull(),
    ports: text('ports').$type<SandboxPorts>().notNull(),
    memoryMiB: integer('memory_mib').notNull(),
    cpus: doublePrecision('cpus').notNull(),
    /** The default is that of sandboxes made before disks could be larger. */
    diskMiB: integer('disk_mib').notNull().default(4096),
    ttlSeconds: integer('ttl_seconds').notNull(),
    autoPause: boolean('auto_pause').notNull(),
    /** Refers to nothing: it may be forgotten before. */
    parent: text('parent'),
    createdAt: moment('created_at').notNull(),
    endsAt: moment('ends_at'),
    endedAt: moment('ended_at'),
  },
  (table) => [
    index('sandboxes_project').on(table.projectId, table.state, table.seq),
    check('sandboxes_state', sql`${table.state} in ('running', 'paused', 'ended')`),
    check(
      'sandboxes_end_has_reason',
      sql`(${table.state} = 'ended') = (${table.endReason} is not null and ${table.endedAt} is not null)`,
    ),
  ],
);

/** Templates that projects made of their sandboxes. */
export const sandboxTemplates = pgTable(
  'sandbox_templates',
  {
    hostTemplate: text('host_template').primaryKey(),
    seq: sequence(),
    projectId: projectId().notNull(),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    hostParent: text('host_parent').notNull(),
    memoryMiB: integer('memory_mib').notNull(),
    cpus: doublePrecision('cpus').notNull(),
    sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
    createdAt: moment('created_at').notNull(),
    removedAt: moment('removed_at'),
  },
  (table) => [unique('sandbox_templates_version').on(table.projectId, table.name, table.version)],
);
