import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
} from 'drizzle-orm/pg-core';
import type {
  AppKind,
  CronOutcome,
  CronRun,
  CronSpec,
  DeploymentStatus,
  ProjectLimits,
  ReleaseReason,
  RunSpec,
  Scaling,
  Scope,
} from '../contract.ts';

/** Milliseconds are all that a JavaScript date can give back. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/** Order of creation: two rows of one millisecond still have one. */
export const sequence = () => bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity().notNull();

export const projectId = () => text('project_id').references((): AnyPgColumn => projects.id, { onDelete: 'cascade' });
const appId = () => text('app_id').references((): AnyPgColumn => apps.id, { onDelete: 'cascade' });

export const projects = pgTable('projects', {
  id: text('id').primaryKey(),
  seq: sequence(),
  name: text('name').notNull().unique('projects_name'),
  /** Those that were set; one that is not here does not limit. */
  limits: jsonb('limits').$type<Partial<ProjectLimits>>().notNull().default({}),
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
    scaling: jsonb('scaling').$type<Scaling>().notNull().default({}),
    crons: jsonb('crons').$type<CronSpec[]>().notNull().default([]),
    /** The values of the moment when it began, by name; sealed, see `sealed.ts`. */
    environment: jsonb('environment').$type<Record<string, string>>().notNull().default({}),
    createdAt: moment('created_at').notNull(),
    readyAt: moment('ready_at'),
  },
  (table) => [
    index('deployments_app').on(table.appId),
    index('deployments_template').on(table.template),
    check('deployments_status', sql`${table.status} in ('building', 'ready', 'failed')`),
    check(
      'deployments_ready_is_whole',
      sql`${table.status} <> 'ready' or (${table.kind} is not null and ${table.run} is not null and ${table.readyAt} is not null)`,
    ),
  ],
);

/** Environment values, each for one target of its app. */
export const environment = pgTable(
  'environment',
  {
    appId: appId().notNull(),
    /** `production`, `preview`, or `branch:` and its name. */
    target: text('target').notNull(),
    name: text('name').notNull(),
    /** Sealed, see `sealed.ts`. */
    value: text('value').notNull(),
    /** Length of the name and of the value in the clear, in UTF-8. */
    bytes: integer('bytes').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [unique('environment_name').on(table.appId, table.target, table.name)],
);

export const domains = pgTable(
  'domains',
  {
    appId: appId().notNull(),
    /** In ASCII and lower case, `*.` included. */
    host: text('host').notNull().unique('domains_host'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [index('domains_app').on(table.appId)],
);

/** How long a project has built on one day. */
export const builds = pgTable(
  'builds',
  {
    projectId: projectId().notNull(),
    /** `2026-01-02`, in UTC. */
    day: text('day').notNull(),
    seconds: doublePrecision('seconds').notNull(),
  },
  (table) => [unique('builds_day').on(table.projectId, table.day)],
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

/** Who did what: the newest requests that changed something. */
export const audit = pgTable(
  'audit',
  {
    seq: sequence().primaryKey(),
    /** Null for an admin key. */
    projectId: projectId(),
    keyId: text('key_id').notNull(),
    method: text('method').notNull(),
    path: text('path').notNull(),
    status: integer('status').notNull(),
    requestId: text('request_id').notNull(),
    at: moment('at').notNull(),
  },
  (table) => [index('audit_project').on(table.projectId, table.seq)],
);
