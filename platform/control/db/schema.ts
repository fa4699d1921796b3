import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
} from 'drizzle-orm/pg-core';
import type { AppKind, CronOutcome, CronRun, DeploymentStatus, ReleaseReason, RunSpec, Scope } from '../contract.ts';

/** Milliseconds are all that a JavaScript date can give back. */
const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/** Order of creation: two rows of one millisecond still have one. */
const sequence = () => bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity().notNull();

const projectId = () => text('project_id').references((): AnyPgColumn => projects.id, { onDelete: 'cascade' });
const appId = () => text('app_id').references((): AnyPgColumn => apps.id, { onDelete: 'cascade' });

export const projects = pgTable('projects', {
  id: text('id').primaryKey(),
  seq: sequence(),
  name: text('name').notNull().unique('projects_name'),
  createdAt: moment('created_at').notNull(),
});

export const keys = pgTable(
  'keys',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    /** Null for an admin key. */
    projectId: projectId(),
    name: text('name').notNull(),
    scopes: text('scopes').array().$type<Scope[]>().notNull(),
    prefix: text('prefix').notNull(),
    /** SHA-256 of the secret, in hex. The secret has 238 bits of entropy, so a plain hash is enough. */
    hash: text('hash').notNull().unique('keys_hash'),
    createdAt: moment('created_at').notNull(),
    lastUsedAt: moment('last_used_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [index('keys_project').on(table.projectId)],
);

export const apps = pgTable(
  'apps',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    projectId: projectId().notNull(),
    name: text('name').notNull().unique('apps_name'),
    kind: text('kind').$type<AppKind>(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [index('apps_project').on(table.projectId)],
);

export const deployments = pgTable(
  'deployments',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    appId: appId().notNull(),
    branch: text('branch').notNull(),
    commit: text('commit'),
    status: text('status').$type<DeploymentStatus>().notNull(),
    kind: text('kind').$type<AppKind>(),
    error: text('error'),
    template: text('template'),
    run: jsonb('run').$type<RunSpec>(),
    createdAt: moment('created_at').notNull(),
    readyAt: moment('ready_at'),
  },
  (table) => [
    index('deployments_app').on(table.appId),
    index('deployments_template').on(table.template),
    check('deployments_status', sql`${table.status} in ('building', 'ready', 'failed')`),
    check(
      'deployments_ready_is_whole',
      sql`${table.status} <> 'ready' or (${table.kind} is not null and ${table.template} is not null and ${table.run} is not null and ${table.readyAt} is not null)`,
    ),
  ],
);

/** A branch that was released at least once: its label, its count of releases and what is in front now. */
export const branches = pgTable(
  'branches',
  {
    appId: appId().notNull(),
    name: text('name').notNull(),
    /** Left-most label of the host name. */
    label: text('label').notNull().unique('branches_label'),
    releases: integer('releases').notNull(),
    /** Null once the preview has ended. */
    deploymentId: text('deployment_id').references(() => deployments.id, { onDelete: 'set null' }),
  },
  (table) => [unique('branches_name').on(table.appId, table.name)],
);

export const releases = pgTable(
  'releases',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    appId: appId().notNull(),
    branch: text('branch').notNull(),
    number: integer('number').notNull(),
    deploymentId: text('deployment_id')
      .notNull()
      .references(() => deployments.id, { onDelete: 'cascade' }),
    reason: text('reason').$type<ReleaseReason>().notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [unique('releases_number').on(table.appId, table.branch, table.number)],
);

/** The newest runs of each cron of each app. */
export const cronRuns = pgTable(
  'cron_runs',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    appId: appId().notNull(),
    cron: text('cron').notNull(),
    /** Refers to nothing: the record outlives the deployment. */
    deployment: text('deployment').notNull(),
    trigger: text('trigger').$type<CronRun['trigger']>().notNull(),
    outcome: text('outcome').$type<CronOutcome>().notNull(),
    dueAt: moment('due_at').notNull(),
    startedAt: moment('started_at').notNull(),
    endedAt: moment('ended_at'),
    status: integer('status'),
    ms: integer('ms'),
    error: text('error'),
    skipped: integer('skipped').notNull(),
    missed: integer('missed').notNull(),
  },
  (table) => [index('cron_runs_cron').on(table.appId, table.cron, table.seq)],
);
