import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readBackupPlace } from './backup-place.ts';
import { ThawError } from './errors.ts';

/** A unix socket's path holds at most 107 bytes; the longest below the data directory takes 45. */
const LONGEST_DATA_PATH = 60;
const HOUR_MS = 3_600_000;

const listen = z
  .string()
  .regex(/^(\[[0-9a-f:]+\]|[\w.-]+):\d{1,5}$/i, 'must look like 127.0.0.1:7070')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, 'has a port above 65535');

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

const schema = z.object({
  THAW_API: listen.default({ host: '127.0.0.1', port: 7070 }),
  THAW_EDGE: listen.default({ host: '127.0.0.1', port: 8080 }),
  THAW_PG: listen.default({ host: '127.0.0.1', port: 5433 }),
  THAW_DOMAIN: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be a host name')
    .default('localhost'),
  THAW_DATA: z.string().default('/var/lib/thaw'),
  THAW_IMAGES: z.string().default('/var/cache/thaw/images'),
  DATABASE_URL: z.string().optional(),
  THAW_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  THAW_ACCEL: z.enum(['auto', 'kvm', 'tcg']).default('auto'),
  /** Ready network slots kept ahead of each kind. */
  THAW_SLOTS_AHEAD: count(0, 256).default(4),
  /** Resolver that names of guests are asked of; default: the first of the machine's own. */
  THAW_RESOLVER: listen
    .refine(({ host }) => isIPv4(host), 'must be an IPv4 address and a port, like 192.0.2.53:53')
    .optional(),
  /** Idle time after which an instance is thrown away. */
  THAW_IDLE_MS: count(100, 86_400_000).default(10_000),
  THAW_MAX_INSTANCES: count(1, 1000).default(4),
  /** Requests one instance takes at once before another is thawed. */
  THAW_SOFT_LIMIT: count(1, 10_000).default(20),
  /** Most instances that an app's own settings may ask for; awake ones, of one deployment. */
  THAW_INSTANCES_LIMIT: count(1, 1000).default(16),
  /** Most instances of one deployment that may be kept up while nothing asks for them; 0 = none. */
  THAW_MIN_INSTANCES_LIMIT: count(0, 1000).default(4),
  /** Most requests at once that an app's own settings may let into one instance. */
  THAW_CONCURRENCY_LIMIT: count(1, 100_000).default(1000),
  /** Longest idle time that an app's own settings may ask for. */
  THAW_IDLE_LIMIT_MS: count(100, 86_400_000).default(3_600_000),
  /** Most instances of one project that are awake at once. */
  THAW_PROJECT_INSTANCES: count(1, 16_384).default(256),
  /** Requests per second of one project in the long run; 0 = no limit. */
  THAW_PROJECT_RPS: count(0, 1_000_000).default(0),
  /** Most requests at once of a project that was quiet; 0 = what it may send in two seconds. */
  THAW_PROJECT_BURST: count(0, 1_000_000).default(0),
  /** Idle time after which a database sleeps that has none of its own; 0 = never. */
  THAW_DB_IDLE_MS: count(0, 86_400_000).default(60_000),
  /** Where backups of databases are kept, a directory or a bucket; default: below the data directory. */
  THAW_BACKUPS: z.string().optional(),
  /** Of the store that the bucket is in; read with `s3://` alone. */
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_REGION: z.string().optional(),
  AWS_ENDPOINT_URL: z.string().optional(),
  /** Hours from one backup of a database to the next; 0 = no backups are made. */
  THAW_BACKUP_HOURS: count(0, 8760).default(24),
  /** Hours from one test of a restore to the next; 0 = none. */
  THAW_BACKUP_TEST_HOURS: count(0, 87_600).default(168),
  /** Most memory of one database. */
  THAW_DB_MAX_MEMORY_MB: count(256, 65_536).default(8192),
  /** Longest a sandbox may live before its time is set anew. */
  THAW_SANDBOX_MAX_TTL_S: count(1, 31_536_000).default(86_400),
  /** Most memory of one sandbox. */
  THAW_SANDBOX_MAX_MEMORY_MB: count(128, 16_384).default(4096),
  /** Most processors of one sandbox. */
  THAW_SANDBOX_MAX_CPUS: count(1, 64).default(4),
  /** Largest disk of one sandbox. */
  THAW_SANDBOX_MAX_DISK_MB: count(4096, 1_048_576).default(16_384),
  /** Longest a request waits for an instance. */
  THAW_WAKE_TIMEOUT_MS: count(100, 600_000).default(30_000),
  /** Longest an instance may take to send its first byte. */
  THAW_RESPONSE_TIMEOUT_MS: count(100, 3_600_000).default(60_000),
  /** Largest push or upload, unpacked. */
  THAW_MAX_SOURCE_MB: count(1, 10_240).default(256),
  /** Longest time a whole build may take. */
  THAW_BUILD_TIMEOUT_MS: count(1000, 3_600_000).default(600_000),
  /** Longest time code may take from its start to its first open port. */
  THAW_START_TIMEOUT_MS: count(100, 600_000).default(60_000),
  /** Most of one volume. */
  THAW_VOLUME_MAX_MB: count(16, 4_194_304).default(102_400),
  /** Log bytes kept on disk per app. */
  THAW_LOG_MB: count(1, 10_240).default(16),
  /** Who may read the metrics without a key: nobody, or programs on this machine. */
  THAW_METRICS: z.enum(['key', 'loopback']).default('key'),
  /** Newest deployments of each app whose templates stay on disk. */
  THAW_KEEP_TEMPLATES: count(1, 1000).default(5),
  /** Newest deployments of each app that stay, to go back to. */
  THAW_KEEP_DEPLOYMENTS: count(1, 10_000).default(50),
  /** Days that a deployment stays whatever its place. */
  THAW_KEEP_DAYS: count(1, 3650).default(30),
  /** Disk for installs that later builds go on from. */
  THAW_BUILD_CACHE_MB: count(0, 1_048_576).default(4096),
  /** Disk that one build may fill. */
  THAW_BUILD_DISK_MB: count(64, 7168).default(4096),
  /** Certificates that builds trust; default: the host's own bundle. */
  THAW_BUILD_CA: z.string().optional(),
  /** npm configuration lines that builds get besides the registry's address, e.g. a token. */
  THAW_BUILD_NPMRC: z.string().optional(),
  /** Index of Python's packages that builds use, credentials included; default: the host's own. */
  THAW_BUILD_PIP_INDEX: z.string().optional(),
  /** Go module proxy that builds use, credentials included; default: the host's own. */
  THAW_BUILD_GOPROXY: z.string().optional(),
});

type Parsed = z.infer<typeof schema>;
export interface Listen {
  host: string;
  port: number;
}

/** What the operator can set, checked and in plain units. */
export interface Config {
  api: Listen;
  edge: Listen;
  pg: Listen;
  /** Apps are `<app>.<domain>`. */
  domain: string;
  /** Absolute path of the data directory. */
  data: string;
  /** Absolute path of the runtime images' cache. */
  images: string;
  /** Postgres to keep control state in; PGlite in the data directory when absent. */
  databaseUrl: string | undefined;
  logLevel: Parsed['THAW_LOG'];
  accelerator: Parsed['THAW_ACCEL'];
  slotsAhead: number;
  resolver: { address: string; port: number } | undefined;
  idleMs: number;
  maxInstances: number;
  softLimit: number;
  instancesLimit: number;
  minInstancesLimit: number;
  concurrencyLimit: number;
  idleLimitMs: number;
  projectInstances: number;
  /** 0 = no limit. */
  projectRps: number;
  /** 0 = what fits the rate. */
  projectBurst: number;
  /** Undefined: no backups are made. */
  backups: { place: ReturnType<typeof readBackupPlace>; everyMs: number; testMs: number } | undefined;
  databaseIdleMs: number;
  databaseMaxMemoryMiB: number;
  sandboxMaxTtlSeconds: number;
  sandboxMaxMemoryMiB: number;
  sandboxMaxCpus: number;
  sandboxMaxDiskMiB: number;
  wakeTimeoutMs: number;
  responseTimeoutMs: number;
  maxSourceBytes: number;
  buildTimeoutMs: number;
  startTimeoutMs: number;
  /** Most MiB of one volume. */
  volumeMaxMiB: number;
  logBytes: number;
  metrics: Parsed['THAW_METRICS'];
  keepTemplates: number;
  keepDeployments: number;
  keepDays: number;
  buildCacheBytes: number;
  buildDiskBytes: number;
  buildCa: string | undefined;
  buildNpmrc: string | undefined;
  buildPipIndex: string | undefined;
  buildGoProxy: string | undefined;
  /** Short stable name of this data directory: tells several servers on one machine apart. */
  serverId: string;
}

/**
 * Reads and checks the operator's settings.
 *
 * @throws ThawError `misconfigured`, naming each wrong setting
 */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ');
    throw new ThawError('misconfigured', `Settings that cannot be used: ${wrong}.`, {
      hint: 'Correct these environment variables; docs/configuration.md lists them all.',
    });
  }
  const value = parsed.data;
  const data = resolve(value.THAW_DATA);
  if (Buffer.byteLength(data) > LONGEST_DATA_PATH) {
    throw new ThawError('misconfigured', `THAW_DATA is ${Buffer.byteLength(data)} bytes long.`, {
      hint: `Choose a path of at most ${LONGEST_DATA_PATH} bytes: unix sockets below it have a length limit.`,
    });
  }
  return {
    api: value.THAW_API,
    edge: value.THAW_EDGE,
    pg: value.THAW_PG,
    domain: value.THAW_DOMAIN,
    data,
    images: resolve(value.THAW_IMAGES),
    databaseUrl: value.DATABASE_URL,
    logLevel: value.THAW_LOG,
    accelerator: value.THAW_ACCEL,
    slotsAhead: value.THAW_SLOTS_AHEAD,
    resolver: value.THAW_RESOLVER && { address: value.THAW_RESOLVER.host, port: value.THAW_RESOLVER.port },
    idleMs: value.THAW_IDLE_MS,
    maxInstances: value.THAW_MAX_INSTANCES,
    softLimit: value.THAW_SOFT_LIMIT,
    // What the operator sets for all is allowed to each.
    instancesLimit: Math.max(value.THAW_INSTANCES_LIMIT, value.THAW_MAX_INSTANCES),
    minInstancesLimit: value.THAW_MIN_INSTANCES_LIMIT,
    concurrencyLimit: Math.max(value.THAW_CONCURRENCY_LIMIT, value.THAW_SOFT_LIMIT),
    idleLimitMs: Math.max(value.THAW_IDLE_LIMIT_MS, value.THAW_IDLE_MS),
    projectInstances: value.THAW_PROJECT_INSTANCES,
    projectRps: value.THAW_PROJECT_RPS,
    projectBurst: value.THAW_PROJECT_BURST,
    backups:
      value.THAW_BACKUP_HOURS === 0
        ? undefined
        : {
            place: readBackupPlace(value.THAW_BACKUPS ?? join(data, 'backups'), value),
            everyMs: value.THAW_BACKUP_HOURS * HOUR_MS,
            testMs: value.THAW_BACKUP_TEST_HOURS * HOUR_MS,
          },
    databaseIdleMs: value.THAW_DB_IDLE_MS,
    databaseMaxMemoryMiB: value.THAW_DB_MAX_MEMORY_MB,
    sandboxMaxTtlSeconds: value.THAW_SANDBOX_MAX_TTL_S,
    sandboxMaxMemoryMiB: value.THAW_SANDBOX_MAX_MEMORY_MB,
    sandboxMaxCpus: value.THAW_SANDBOX_MAX_CPUS,
    sandboxMaxDiskMiB: value.THAW_SANDBOX_MAX_DISK_MB,
    wakeTimeoutMs: value.THAW_WAKE_TIMEOUT_MS,
    responseTimeoutMs: value.THAW_RESPONSE_TIMEOUT_MS,
    maxSourceBytes: value.THAW_MAX_SOURCE_MB * 1024 * 1024,
    buildTimeoutMs: value.THAW_BUILD_TIMEOUT_MS,
    startTimeoutMs: value.THAW_START_TIMEOUT_MS,
    volumeMaxMiB: value.THAW_VOLUME_MAX_MB,
    logBytes: value.THAW_LOG_MB * 1024 * 1024,
    metrics: value.THAW_METRICS,
    keepTemplates: value.THAW_KEEP_TEMPLATES,
    keepDeployments: value.THAW_KEEP_DEPLOYMENTS,
    keepDays: value.THAW_KEEP_DAYS,
    buildCacheBytes: value.THAW_BUILD_CACHE_MB * 1024 * 1024,
    buildDiskBytes: value.THAW_BUILD_DISK_MB * 1024 * 1024,
    buildCa: value.THAW_BUILD_CA,
    buildNpmrc: value.THAW_BUILD_NPMRC,
    buildPipIndex: value.THAW_BUILD_PIP_INDEX,
    buildGoProxy: value.THAW_BUILD_GOPROXY,
    serverId: createHash('sha256').update(data).digest('hex').slice(0, 8),
  };
}
