import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { ensureAdminKey } from './admin-key.ts';
import { createApps } from './apps.ts';
import { openArtifacts } from './artifacts.ts';
import { createAudit } from './audit.ts';
import { createBuilds } from './builds.ts';
import type { Control } from './contract.ts';
import { createCronRuns } from './cron-runs.ts';
import { createDatabases } from './databases.ts';
import { claimDataDirectory } from './db/claim.ts';
import { openDatabase } from './db/open.ts';
import { createDeployments } from './deployments.ts';
import { createDomains } from './domains.ts';
import { createEnvironment } from './environment.ts';
import { ensureEnvironmentKey } from './environment-key.ts';
import type { Random } from './ids.ts';
import { createKeys } from './keys.ts';
import type { ControlParts } from './parts.ts';
import { ensurePortKey } from './port-key.ts';
import { createProjects, ensureDefaultProject } from './projects.ts';
import { createReleases } from './releases.ts';
import { createRouteChanges, readRoutes } from './routes.ts';
import { createSandboxTemplates } from './sandbox-templates.ts';
import { createSandboxes } from './sandboxes.ts';
import { readScheduled } from './scheduled.ts';
import { createSeal } from './sealed.ts';
import { createVolumes } from './volumes.ts';

export interface ControlOptions {
  /** A Postgres to keep the state in; without it PGlite, in the data directory. */
  databaseUrl: string | undefined;
  /** Absolute path; made when it is missing, and claimed for this process. */
  dataDir: string;
  /** The platform's own domain: no app can have a host name in it. Default `localhost`, as the server's. */
  domain?: string;
  log: Log;
  clock?: () => Date;
  random?: Random;
}

/**
 * Opens the control plane: claims the data directory, opens and migrates the database, and at the first start makes
 * the default project, the admin key in `<data>/admin.key` and the keys in `<data>/environment.key` and `<data>/ports.key`.
 *
 * @throws ThawError `conflict` when another server has the data directory, `misconfigured` when the database cannot be opened
 *   or the key for its environment values is missing
 */
export async function openControl(options: ControlOptions): Promise<Control> {
  const { dataDir, log, random = randomBytes } = options;
  await using opened = new AsyncDisposableStack();

  // Others may pass through to what is theirs below it, but not look around.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  opened.use(claimDataDirectory(dataDir));
  const directory = join(dataDir, 'control');
  const { db } = opened.use(await openDatabase({ databaseUrl: options.databaseUrl, directory, log }));
  const artifacts = await openArtifacts(join(dataDir, 'artifacts'), db);
  const { onRoutesChanged, routesChanged } = createRouteChanges(log);
  const seal = createSeal(await ensureEnvironmentKey(dataDir, { db, random, log }), random);
  const parts: ControlParts = {
    db,
    log,
    clock: options.clock ?? (() => new Date()),
    random,
    seal,
    routesChanged,
  };
  const keys = opened.use(createKeys(parts));
  const audit = opened.use(createAudit(parts));
  const portKey = await ensurePortKey(dataDir, random);

  await ensureDefaultProject(parts);
  await ensureAdminKey(dataDir, keys, log);
  const swept = await artifacts.sweep();
  if (swept > 0) log.info({ files: swept }, 'artifacts of no deployment removed');

  const closing = opened.move();
  return {
    projects: createProjects(parts),
    keys,
    apps: createApps(parts, artifacts.remove),
    builds: createBuilds(parts),
    deployments: createDeployments(parts, artifacts.remove),
    releases: createReleases(parts),
    environment: createEnvironment(parts),
    domains: createDomains(parts, options.domain ?? 'localhost'),
    cronRuns: createCronRuns(parts),
    databases: createDatabases(parts),
    sandboxes: createSandboxes(parts),
    sandboxTemplates: createSandboxTemplates(parts),
    volumes: createVolumes(parts),
    audit,
    portKey,
    scheduled: () => readScheduled(db),
    routes: () => readRoutes(db),
    onRoutesChanged,
    artifacts,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
