import { z } from '@hono/zod-openapi';

export const DatabaseName = z.string().min(1).max(200).openapi({ example: 'main' });
export const KeepAwakeShape = z
  .array(z.enum(['listen', 'cron']))
  .max(2)
  .openapi({
    description: 'What keeps it awake besides queries and transactions: sessions that listen, active jobs of pg_cron.',
  });
const Idle = z.number().min(0).openapi({ description: 'Idle time until it sleeps; 0 = never.' });
const StateShape = z.enum(['stopped', 'starting', 'awake', 'asleep']);
const ConnectionsShape = z.object({ direct: z.number().int(), pooled: z.number().int() });

export const DatabaseShape = z
  .object({
    id: z.string(),
    project: z.string(),
    name: z.string(),
    endpoint: z.string().openapi({ description: 'The user name that leads to it.' }),
    state: StateShape,
    version: z.number().int().openapi({ description: 'Major version of PostgreSQL.' }),
    memoryMiB: z.number().int(),
    diskMiB: z.number().int(),
    idleSeconds: z.number(),
    keepAwake: KeepAwakeShape,
    parent: z.string().nullable().openapi({ description: 'What it was branched from.' }),
    preview: z
      .object({ app: z.string(), branch: z.string() })
      .nullable()
      .openapi({ description: 'The preview that it was branched for, and ends with.' }),
    createdAt: z.string(),
    connections: ConnectionsShape,
  })
  .openapi('Database');

export const DatabaseUrlsShape = z
  .object({
    url: z.string().openapi({ description: 'Through the pool.' }),
    directUrl: z.string().openapi({ description: 'Straight to Postgres.' }),
    guestUrl: z.string().openapi({ description: 'Through the pool, for apps of the project.' }),
    guestDirectUrl: z.string(),
  })
  .openapi('DatabaseUrls');

export const NewDatabaseShape = DatabaseShape.extend(DatabaseUrlsShape.shape).openapi('NewDatabase');

export const DatabaseRequestShape = z.strictObject({
  name: DatabaseName,
  project: z.string().optional(),
  version: z.number().int().optional().openapi({ description: 'Major version of PostgreSQL; default: the newest.' }),
  memoryMiB: z.number().int().optional(),
  diskMiB: z.number().int().optional(),
  idleSeconds: Idle.optional(),
  keepAwake: KeepAwakeShape.optional(),
});

export const DatabaseChangeShape = z.strictObject({
  idleSeconds: Idle.optional(),
  keepAwake: KeepAwakeShape.optional(),
});

const AttachmentTarget = z.enum(['production', 'preview']);

export const DatabaseAttachmentShape = z
  .object({
    database: z.string(),
    app: z.string(),
    target: AttachmentTarget.openapi({ description: 'The app itself, or its previews.' }),
    branches: z.boolean().openapi({ description: 'Each preview has a branch of its own.' }),
  })
  .openapi('DatabaseAttachment');

export const AttachRequestShape = z.strictObject({
  target: AttachmentTarget.default('production'),
  branches: z.boolean().default(false).openapi({
    description: 'For the target `preview`: each preview gets a branch, made with it and removed with it.',
  }),
});

export const DatabaseStatisticsShape = z
  .object({
    state: StateShape,
    connections: ConnectionsShape,
    sizeBytes: z.number().nullable(),
    cacheHitRatio: z.number().nullable(),
    transactions: z.number().nullable(),
    backends: z.number().nullable(),
    queries: z
      .array(
        z.object({
          query: z.string(),
          calls: z.number(),
          totalMs: z.number(),
          meanMs: z.number(),
          rows: z.number(),
        }),
      )
      .nullable(),
  })
  .openapi('DatabaseStatistics', { description: 'Null is what only a database that is awake tells.' });

export const DatabaseBackupsShape = z
  .object({
    backups: z.array(
      z.object({
        label: z.string(),
        type: z.enum(['full', 'incremental']),
        startedAt: z.string(),
        endedAt: z.string(),
        databaseBytes: z.number(),
        repositoryBytes: z.number(),
      }),
    ),
    until: z.string().nullable().openapi({ description: 'The newest moment that can be restored.' }),
    test: z
      .object({ at: z.string(), ok: z.boolean(), error: z.string().nullable() })
      .nullable()
      .openapi({ description: 'The last time that a restore was tried.' }),
  })
  .openapi('DatabaseBackups', { description: 'From the end of the oldest backup on, any moment can be restored.' });
