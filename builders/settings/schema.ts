import * as z from 'zod';
import { SCHEDULES, TIME_ZONES, wrongSchedule, wrongTimeZone } from './schedule.ts';
import { choice, command, duration, fraction, hostName, matching, requestPath, size, whole } from './values.ts';

const MOST_CRONS = 50;
const MOST_MOUNTS = 4;
const MOST_HOSTS = 100;
const MOST_VALUES = 200;
const LONGEST_VALUE = 32_768;

const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const NAMES = 'a name of 1 to 40 lower-case letters, digits and hyphens';

/** Where the system and the platform have their own files; below `/app` there is room. */
const SYSTEM =
  /^\/(app|bin|boot|dev|etc|lib|lib64|opt\/thaw|proc|root|run|sbin|sys|tmp|usr|var)?$|^\/(bin|boot|dev|etc|lib|lib64|proc|run|sbin|sys|usr)\//;

const schedule = z.string({ error: SCHEDULES }).superRefine((text, context) => {
  const why = wrongSchedule(text);
  if (why !== undefined) context.addIssue({ code: 'custom', message: SCHEDULES, params: { why } });
});

const timeZone = z.string({ error: TIME_ZONES }).superRefine((text, context) => {
  const why = wrongTimeZone(text);
  if (why !== undefined) context.addIssue({ code: 'custom', message: TIME_ZONES, params: { why } });
});

const cron = z.strictObject(
  {
    name: matching(NAME, NAMES).describe('Unique within the app.'),
    schedule: schedule.describe(`When: ${SCHEDULES}.`),
    timezone: timeZone.default('UTC').describe('IANA time zone of the schedule.'),
    path: requestPath().default('/').describe('Path and query that are asked for.'),
    method: choice('GET', 'POST').default('GET').describe('HTTP method.'),
    overlap: choice('skip', 'allow').default('skip').describe('What happens when the run before is not over.'),
  },
  { error: 'a table begun with [[crons]]' },
);

const volumePath = matching(
  /^(\/[A-Za-z0-9._-]+)+$/,
  'an absolute path of letters, digits, ".", "_" and "-", such as "/data"',
).refine((path) => !SYSTEM.test(path) && !path.split('/').some((part) => part === '.' || part === '..'), {
  error: 'a directory that is not the system\'s own, such as "/data" or "/app/uploads"',
});

const mount = z.strictObject(
  {
    volume: matching(NAME, NAMES).describe('Name of the volume.'),
    path: volumePath.describe('Directory inside the app, such as /data.'),
  },
  { error: 'a table begun with [[mounts]]' },
);

const concurrency = z.strictObject(
  {
    soft_limit: whole(1, 10_000, 'of requests ')
      .exactOptional()
      .describe('Requests one instance takes at once before another one is started.'),
    hard_limit: whole(1, 10_000, 'of requests ')
      .exactOptional()
      .describe('Most requests one instance takes at once; more of them wait.'),
  },
  { error: 'a table, [concurrency]' },
);

const environmentName = matching(
  /^(?!THAW_|PORT$)[A-Za-z_][A-Za-z0-9_]*$/,
  'names of letters, digits and "_" that do not begin with a digit or with THAW_; PORT is the setting "port"',
);

const VALUES = `text in quotes, at most ${LONGEST_VALUE} characters`;
const environmentValue = z
  .string({ error: VALUES })
  .max(LONGEST_VALUE, { error: VALUES })
  .regex(/^[^\0]*$/, { error: VALUES });

const EGRESS = { error: `"open", "none", or a list of 1 to ${MOST_HOSTS} host names` };

/**
 * What stands in `thaw.toml`, under its own names. What comes out of it, with defaults and sizes as numbers, may go in
 * again and stays as it is.
 */
export const settingsSchema = z
  .strictObject(
    {
      runtime: choice('node', 'python', 'go', 'static')
        .exactOptional()
        .describe('What the app is; default: found out.'),
      build: command().exactOptional().describe('Command that builds the app, run after the install step.'),
      start: command().exactOptional().describe('Command that starts the app, which listens on PORT.'),
      release: command().exactOptional().describe('Command that is run before the new code is put in front.'),
      port: whole(1024, 65_535).exactOptional().describe('Port that the app listens on; it is told it as PORT.'),
      health: requestPath().exactOptional().describe('Path that answers below 500 once the app is ready.'),
      memory: size('128MB', '8GB')
        .exactOptional()
        .describe('Memory of an instance: "512MB", "1GB" or a number of MiB.'),
      cpus: fraction(0.1, 16).exactOptional().describe('Processors of an instance; parts of one are possible.'),
      min_instances: whole(0, 1000).exactOptional().describe('Instances that always run.'),
      max_instances: whole(1, 1000).exactOptional().describe('Most instances at once.'),
      concurrency: concurrency.exactOptional().describe('How many requests an instance takes.'),
      idle_timeout: duration('1s', '24h')
        .exactOptional()
        .describe('Time without a request after which an instance sleeps.'),
      sleep: choice('off', 'stop', 'freeze')
        .exactOptional()
        .describe('What idling comes to: one instance stays, it is thrown away, or it is frozen with its memory.'),
      egress: z
        .union([choice('open', 'none'), z.array(hostName(), EGRESS).min(1, EGRESS).max(MOST_HOSTS, EGRESS)], EGRESS)
        .exactOptional()
        .describe('What the app may reach: the public internet, nothing, or these hosts alone.'),
      crons: z
        .array(cron, { error: 'tables, each begun with [[crons]]' })
        .max(MOST_CRONS, { error: `at most ${MOST_CRONS} of them` })
        .exactOptional()
        .describe('Requests to the app at set times.'),
      mounts: z
        .array(mount, { error: 'tables, each begun with [[mounts]]' })
        .max(MOST_MOUNTS, { error: `at most ${MOST_MOUNTS} of them` })
        .exactOptional()
        .describe('Volumes and where they are mounted.'),
      env: z
        .record(environmentName, environmentValue, { error: 'a table, [env]' })
        .refine((values) => Object.keys(values).length <= MOST_VALUES, { error: `at most ${MOST_VALUES} values` })
        .exactOptional()
        .describe('Environment that is no secret; values set with `thaw env` win.'),
    },
    { error: 'a table of settings' },
  )
  .superRefine((settings, context) => {
    const wrong = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message, input: settings });
    const { min_instances, max_instances, concurrency, crons = [], mounts = [] } = settings;
    if (min_instances !== undefined && max_instances !== undefined && min_instances > max_instances) {
      wrong(['min_instances'], `at most max_instances, which is ${max_instances}`);
    }
    const { soft_limit, hard_limit } = concurrency ?? {};
    if (soft_limit !== undefined && hard_limit !== undefined && soft_limit > hard_limit) {
      wrong(['concurrency', 'soft_limit'], `at most hard_limit, which is ${hard_limit}`);
    }
    for (const at of repeated(crons.map(({ name }) => name))) wrong(['crons', at, 'name'], 'a name of its own');
    for (const at of repeated(mounts.map(({ path }) => path))) wrong(['mounts', at, 'path'], 'a path of its own');
  });

/** What a `thaw.toml` says: memory in MiB, times in seconds. */
export type Settings = z.output<typeof settingsSchema>;

/** Places of values that stood there before. */
function repeated(values: string[]): number[] {
  return values.flatMap((value, at) => (values.indexOf(value) < at ? [at] : []));
}
