import { z } from '@hono/zod-openapi';
import { requireAppName, requireBranch, requireProjectName } from '../control/names.ts';
import { ERROR_STATUS, type ErrorCode, ThawError } from '../errors.ts';
import { LEVELS, STREAMS } from '../logs/contract.ts';

/** A string that one of the control plane's checks lets pass; the check's own words say why it does not. */
function checked(check: (text: string) => void) {
  return z.string().superRefine((text, context) => {
    try {
      check(text);
    } catch (error) {
      if (!(error instanceof ThawError)) throw error;
      context.addIssue({ code: 'custom', message: [error.message, error.hint].filter(Boolean).join(' ') });
    }
  });
}

export const AppName = checked(requireAppName).openapi({ example: 'hello', maxLength: 40 });
export const ProjectName = checked(requireProjectName).openapi({ example: 'default', maxLength: 40 });
export const BranchName = checked(requireBranch).openapi({ example: 'main', maxLength: 200 });
export const DeploymentId = z
  .string()
  .regex(/^d[a-z0-9]{11}$/, 'A deployment is named by d and 11 lower-case letters or digits.')
  .openapi({ example: 'd0a1b2c3d4e5' });

const Moment = z.iso.datetime().openapi({ example: '2026-01-02T03:04:05.678Z' });

const CODES = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];
export const ErrorShape = z
  .object({ error: z.object({ code: z.enum(CODES), message: z.string(), hint: z.string().optional() }) })
  .openapi('Error', { description: 'What went wrong, and what to do next.' });

export const ProjectShape = z.object({ id: z.string(), name: z.string(), createdAt: Moment }).openapi('Project');

export const ScopeShape = z
  .enum(['read', 'deploy', 'manage'])
  .openapi('Scope', { description: 'Each holds those before it.' });

export const KeyShape = z
  .object({
    id: z.string(),
    name: z.string(),
    project: z.string().nullable().openapi({ description: 'Null for an admin key.' }),
    scopes: z.array(ScopeShape),
    prefix: z.string().openapi({ description: 'First characters of the secret.' }),
    createdAt: Moment,
    lastUsedAt: Moment.nullable(),
    revokedAt: Moment.nullable(),
  })
  .openapi('Key');

const KindShape = z.enum(['function', 'web', 'static']).openapi('AppKind');

export const AppShape = z
  .object({
    id: z.string(),
    project: z.string(),
    name: z.string(),
    kind: KindShape.nullable().openapi({ description: 'Null until the first deployment is ready.' }),
    url: z.url().openapi({ example: 'http://hello.localhost:8080/' }),
    createdAt: Moment,
  })
  .openapi('App');

const ScalingShape = z
  .object({
    minInstances: z.number().int().optional(),
    maxInstances: z.number().int().optional(),
    softLimit: z.number().int().optional(),
    hardLimit: z.number().int().optional(),
    idleMs: z.number().optional(),
    sleep: z.enum(['off', 'stop', 'freeze']).optional(),
  })
  .openapi('Scaling', { description: 'What its author wrote; absent: the operator’s default.' });

const CronShape = z
  .object({
    name: z.string(),
    schedule: z.string().openapi({ example: '*/5 * * * *' }),
    timezone: z.string().openapi({ example: 'UTC' }),
    path: z.string(),
    method: z.enum(['GET', 'POST']),
    overlap: z.enum(['skip', 'allow']),
  })
  .openapi('Cron');

export const DeploymentShape = z
  .object({
    id: z.string(),
    app: z.string(),
    branch: z.string(),
    commit: z.string().nullable().openapi({ description: 'Null for an upload.' }),
    status: z.enum(['building', 'ready', 'failed']),
    kind: KindShape.nullable(),
    error: z.string().nullable(),
    scaling: ScalingShape,
    crons: z.array(CronShape),
    createdAt: Moment,
    readyAt: Moment.nullable(),
  })
  .openapi('Deployment');

export const ReleaseShape = z
  .object({
    id: z.string(),
    app: z.string(),
    branch: z.string(),
    number: z.number().int(),
    deployment: z.string(),
    reason: z.enum(['push', 'deploy', 'rollback', 'promote', 'environment']),
    createdAt: Moment,
  })
  .openapi('Release');

export const DeployEventShape = z
  .union([
    z.object({ type: z.literal('line'), text: z.string() }),
    z.object({ type: z.literal('done'), deployment: DeploymentShape, release: ReleaseShape, url: z.url() }),
    z.object({ type: z.literal('failed'), error: ErrorShape.shape.error }),
  ])
  .openapi('DeployEvent');

const TargetShape = z
  .union([z.enum(['production', 'preview']), z.strictObject({ branch: BranchName })])
  .openapi('EnvironmentTarget', {
    description: 'The branch `main`, every other branch, or one branch alone, whose values win.',
  });

export const EnvironmentChangeShape = z.strictObject({
  target: TargetShape,
  values: z.record(z.string(), z.string().nullable()).openapi({ description: 'Null removes a value.' }),
});

const EnvironmentEntryShape = z
  .object({ name: z.string(), target: TargetShape, updatedAt: Moment })
  .openapi('EnvironmentEntry');

export const EnvironmentShape = z.object({ entries: z.array(EnvironmentEntryShape) });

export const EnvironmentEventShape = z
  .union([
    z.object({ type: z.literal('line'), text: z.string() }),
    z.object({
      type: z.literal('done'),
      entries: z.array(EnvironmentEntryShape),
      deployed: z.array(z.object({ deployment: DeploymentShape, release: ReleaseShape, url: z.url() })),
    }),
    z.object({ type: z.literal('failed'), error: ErrorShape.shape.error }),
  ])
  .openapi('EnvironmentEvent');

export const DomainShape = z
  .object({ host: z.string().openapi({ example: 'www.example.com' }), app: z.string(), createdAt: Moment })
  .openapi('Domain');

const most = z.number().min(0).max(1e12).nullable();
const whole = z.number().int().min(0).max(1e12).nullable();

export const LimitsShape = z
  .strictObject({
    apps: whole,
    instances: whole.openapi({ description: 'Awake at the same time.' }),
    memoryMiB: whole.openapi({ description: 'Of all instances that are awake.' }),
    cpus: most.openapi({ description: 'Of all instances that are awake.' }),
    buildMinutes: most.openapi({ description: 'A day, in UTC.' }),
    diskMiB: whole,
    volumes: whole,
    volumeMiB: whole.openapi({ description: 'The sizes of volumes and their snapshots together.' }),
    databases: whole.openapi({ description: 'Branches and those of previews included.' }),
    databaseMiB: whole.openapi({ description: 'The disks of databases together.' }),
    databaseMemoryMiB: whole.openapi({ description: 'Of all databases that are awake.' }),
    requestsPerSecond: most.openapi({ description: 'Of all host names of the project together.' }),
  })
  .openapi('ProjectLimits', { description: 'Null: no limit.' });

export const UsageShape = z
  .object({
    apps: z.number().int(),
    buildSeconds: z.number().openapi({ description: 'Today, in UTC.' }),
    diskMiB: z.number().int().openapi({ description: 'Of repositories, artifacts, templates and kept installs.' }),
    volumes: z.number().int(),
    volumeMiB: z.number().int().openapi({ description: 'The sizes of volumes and their snapshots together.' }),
    databases: z.number().int(),
    databaseMiB: z.number().int().openapi({ description: 'The disks of databases together.' }),
    databaseMemoryMiB: z.number().int().openapi({ description: 'Of all databases that are awake now.' }),
  })
  .openapi('ProjectUsage');

export const CronRunShape = z
  .object({
    id: z.string().openapi({ description: 'Also the id of its request, in logs.' }),
    app: z.string(),
    cron: z.string(),
    deployment: z.string(),
    trigger: z.enum(['schedule', 'manual']),
    outcome: z.enum(['running', 'ok', 'failed', 'interrupted', 'missed']),
    dueAt: Moment,
    startedAt: Moment,
    endedAt: Moment.nullable(),
    status: z.number().int().nullable().openapi({ description: 'HTTP status of the app’s answer.' }),
    ms: z.number().nullable(),
    error: z.string().nullable(),
    skipped: z.number().int().openapi({ description: 'Due while it ran, and not begun.' }),
    missed: z.number().int().openapi({ description: 'Due while no server ran, in a row.' }),
  })
  .openapi('CronRun');

export const CronStatusShape = CronShape.extend({
  nextRun: Moment.nullable(),
  running: z.number().int().openapi({ description: 'Runs that are not over.' }),
  lastRun: CronRunShape.nullable(),
}).openapi('CronStatus');

export const CachedInstallShape = z
  .object({
    key: z.string(),
    project: z.string(),
    app: z.string().openapi({ description: 'Whose build made it; others of the project use it too.' }),
    sizeBytes: z.number().int(),
    createdAt: Moment,
    lastUsedAt: Moment,
  })
  .openapi('CachedInstall');

export const InstanceShape = z
  .object({
    id: z.string(),
    app: z.string(),
    deployment: z.string(),
    address: z.string().optional().openapi({ description: 'Told to admin keys alone.' }),
    startedAt: Moment,
    state: z.enum(['running', 'asleep']),
    requests: z.number().int().openapi({ description: 'In flight.' }),
    phases: z.record(z.string(), z.number()).openapi({ description: 'Milliseconds of the thaw, in order.' }),
  })
  .openapi('Instance');

export const StreamName = z.enum(STREAMS);
export const LevelName = z.enum(LEVELS);

export const LogLineShape = z
  .union([
    z.object({
      time: Moment,
      instance: z.string().nullable().openapi({ description: 'Null for a request that no instance answered.' }),
      deployment: z.string(),
      stream: StreamName,
      level: LevelName,
      requestId: z.string().optional(),
      line: z.string(),
      request: z
        .object({
          method: z.string(),
          path: z.string().openapi({ description: 'Without the query.' }),
          status: z.number().int(),
          ms: z.number().openapi({ description: 'From its head to the end of its answer.' }),
          bytes: z.number().int().openapi({ description: 'Sent to the client, heads included.' }),
          start: z.enum(['cold', 'resumed', 'warm']).optional(),
          code: z.string().optional().openapi({ description: 'What went wrong, where no instance answered.' }),
          cut: z.literal(true).optional().openapi({ description: 'The answer did not come to its end.' }),
          traceId: z
            .string()
            .optional()
            .openapi({ description: 'Of its W3C trace context; absent in what older servers wrote.' }),
        })
        .optional()
        .openapi({ description: 'Set for the stream `request`.' }),
    }),
    ErrorShape,
  ])
  .openapi('LogLine', { description: 'An error is the last line of a log that broke off.' });

export const HostShape = z
  .object({
    facts: z.object({
      accelerator: z.enum(['kvm', 'tcg']),
      acceleratorReason: z.string(),
      qemuVersion: z.string(),
      kernelRelease: z.string(),
      vms: z.number().int(),
      slots: z.object({ ready: z.number().int(), used: z.number().int(), total: z.number().int() }),
      templates: z.object({ count: z.number().int(), bytes: z.number().int() }),
    }),
    findings: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['ok', 'warning', 'lacking']),
        detail: z.string(),
        remedy: z.string().optional(),
      }),
    ),
  })
  .openapi('Host');
