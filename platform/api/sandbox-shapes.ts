import { z } from '@hono/zod-openapi';
import { ErrorShape, ProjectName } from './shapes.ts';
import { VolumeName } from './volume-shapes.ts';

const Moment = z.iso.datetime().openapi({ example: '2026-01-02T03:04:05.678Z' });

/** Not checked beyond its length: an id that cannot be is as unknown as any other. */
export const SandboxId = z.string().min(1).max(64).openapi({ example: 's2b4c6d7e2f4g6h7' });
export const TemplateName = z.string().min(1).max(60).openapi({ example: 'python' });
export const Ttl = z.number().int().openapi({ example: 300, description: 'Seconds.' });
const StateShape = z.enum(['running', 'paused', 'ended']);
const ReasonShape = z.enum(['ttl', 'killed', 'oom', 'crashed', 'host']);
const Texts = z.record(z.string().max(200), z.string());
export const EgressShape = z.strictObject({ allow: z.array(z.string().max(300)) }).openapi('SandboxEgress', {
  description:
    'Host names (`example.com`, `*.example.com`), addresses (`198.51.100.0/24`, `198.51.100.7:22`), `registries`, `github`, `open`. Nothing else is reached.',
});

export const SandboxShape = z
  .object({
    id: z.string(),
    project: z.string(),
    template: z.string(),
    state: StateShape,
    endReason: ReasonShape.nullable(),
    metadata: Texts,
    egress: EgressShape,
    ports: z.enum(['private', 'public']),
    memoryMiB: z.number().int(),
    cpus: z.number(),
    ttlSeconds: Ttl,
    autoPause: z.boolean(),
    parent: z.string().nullable().openapi({ description: 'The sandbox that it was forked from.' }),
    createdAt: Moment,
    endsAt: Moment.nullable(),
    endedAt: Moment.nullable(),
  })
  .openapi('Sandbox');

export const SandboxRequestShape = z.strictObject({
  template: TemplateName.optional().openapi({
    description: 'Default: base. One of the project’s own may name its version, `name:3`.',
  }),
  ttlSeconds: Ttl.optional(),
  autoPause: z.boolean().optional().openapi({ description: 'Paused at the end of its time, not killed.' }),
  metadata: Texts.optional(),
  environment: Texts.optional().openapi({ description: 'For every command. Never shown again.' }),
  egress: EgressShape.optional(),
  ports: z
    .enum(['private', 'public'])
    .optional()
    .openapi({ description: 'Who reaches its ports at the edge; default private: who has a token.' }),
  memoryMiB: z.number().int().optional(),
  cpus: z.number().optional(),
  volumes: z
    .array(z.strictObject({ volume: VolumeName, path: z.string().min(1).max(300) }))
    .max(4)
    .optional()
    .openapi({ description: 'Volumes of the project, in this sandbox until it is over, and where they are mounted.' }),
  project: ProjectName.optional(),
});

export const CommandShape = z.strictObject({
  command: z
    .union([z.string().min(1), z.array(z.string()).min(1)])
    .openapi({ description: 'A line for `/bin/sh -c`, or a program with its arguments.' }),
  cwd: z.string().max(4096).optional(),
  user: z.enum(['app', 'root']).optional(),
  env: Texts.optional(),
  timeoutSeconds: z.number().positive().max(86_400).optional().openapi({ description: 'Default: 60.' }),
  maxOutputBytes: z
    .number()
    .int()
    .min(0)
    .max(64 * 1024 * 1024)
    .optional()
    .openapi({ description: 'Output past this is dropped, and `truncated` is set. Default: 4 MiB.' }),
  encoding: z.enum(['utf8', 'base64']).default('utf8').openapi({ description: 'How output is written as text.' }),
});

const exit = {
  exitCode: z.number().int().nullable().openapi({ description: 'Null when a signal ended it.' }),
  signal: z.string().nullable(),
  timedOut: z.boolean(),
  truncated: z.boolean(),
};

export const ResultShape = z.object({ stdout: z.string(), stderr: z.string(), ...exit }).openapi('CommandResult');

export const CommandEventShape = z
  .union([
    z.object({ type: z.enum(['stdout', 'stderr']), data: z.string() }),
    z.object({ type: z.literal('exit'), ...exit }),
    z.object({ type: z.literal('failed'), error: ErrorShape.shape.error }),
  ])
  .openapi('CommandEvent');

export const TemplateShape = z
  .object({
    name: z.string(),
    version: z.number().int().nullable().openapi({ description: 'Null for a built-in one.' }),
    memoryMiB: z.number().int().nullable(),
    cpus: z.number().nullable(),
    sizeBytes: z.number().int().nullable(),
    createdAt: Moment.nullable(),
  })
  .openapi('SandboxTemplate');

export const EventShape = z
  .object({
    type: z.enum(['created', 'paused', 'resumed', 'ended']),
    sandbox: z.string(),
    project: z.string(),
    at: Moment,
    reason: ReasonShape.optional(),
  })
  .openapi('SandboxEvent');

export const UsageShape = z
  .object({
    at: Moment,
    cpu: z.number().openapi({ description: 'Share of one processor since the sample before.' }),
    memoryBytes: z.number().int(),
    diskBytes: z.number().int(),
    receivedBytes: z.number().int().openapi({ description: 'Since the sample before.' }),
    sentBytes: z.number().int(),
  })
  .openapi('UsageSample');

export const AuditShape = z
  .object({
    at: Moment,
    key: z.string(),
    project: z.string().nullable().openapi({ description: 'The key’s; null for an admin key.' }),
    method: z.string(),
    path: z.string(),
    status: z.number().int(),
    requestId: z.string(),
  })
  .openapi('AuditEntry');

export { StateShape };
