import type { Egress, RuntimeName, Shape } from '../host/contract.ts';
import type { VolumeMount } from '../volumes/contract.ts';
import type { CronSpec } from './cron-records.ts';

/** The tenant boundary: keys and apps belong to one. */
export interface Project {
  id: string;
  name: string;
  createdAt: string;
}

/** How much a project may have; null = no limit. */
export interface ProjectLimits {
  apps: number | null;
  /** Awake at the same time. */
  instances: number | null;
  /** Of all instances that are awake. */
  memoryMiB: number | null;
  /** Processors of all instances that are awake; parts of one are possible. */
  cpus: number | null;
  /** Minutes of building a day, in UTC. */
  buildMinutes: number | null;
  /** Of repositories, artifacts, templates and kept installs. */
  diskMiB: number | null;
  /** How many. */
  volumes: number | null;
  /** The sizes of volumes and their snapshots together. */
  volumeMiB: number | null;
  /** How many, branches and those of previews included. */
  databases: number | null;
  /** The disks of databases together, by what they may grow to. */
  databaseMiB: number | null;
  /** Of all databases that are awake. */
  databaseMemoryMiB: number | null;
  /** Of all its host names together. */
  requestsPerSecond: number | null;
}

/** What a project has used, as far as the control plane knows. */
export interface ProjectUsage {
  apps: number;
  /** Seconds of building today, in UTC. */
  buildSeconds: number;
  volumes: number;
  /** Of volumes and their snapshots. */
  volumeMiB: number;
  databases: number;
  /** Of the disks of databases. */
  databaseMiB: number;
}

/** What a key may do: `read` looks, `deploy` pushes and releases, `manage` also makes and ends apps and keys. */
export type Scope = 'read' | 'deploy' | 'manage';

/** A key as it can be shown: never the secret itself. */
export interface KeyInfo {
  id: string;
  name: string;
  /** Project name; null for an admin key, which may do everything in every project. */
  project: string | null;
  scopes: Scope[];
  /** First characters of the secret, to recognise it. */
  prefix: string;
  createdAt: string;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

/** Who asks: what a valid key stands for. */
export interface Principal {
  keyId: string;
  /** Project name; null = admin. */
  project: string | null;
  scopes: Scope[];
}

export type AppKind = 'function' | 'web' | 'static';

export interface App {
  id: string;
  project: string;
  /** A DNS label of at most 40 characters, unique on this server; never begins with digits and a hyphen, never holds `--`. */
  name: string;
  /** Null until the first deployment is ready. */
  kind: AppKind | null;
  createdAt: string;
}

export type DeploymentStatus = 'building' | 'ready' | 'failed';

/** How to start a deployment's artifact; enough to bake its template again. */
export interface RunSpec {
  runtime: RuntimeName;
  shape: Shape;
  argv: string[];
  env: Record<string, string>;
  /** Port inside the guest that answers HTTP. */
  port: number;
  /** Path that answers below 500 as soon as the app is ready; default `/`. */
  health?: string;
  /** Command that runs once, in a VM of its own, before the deployment is released. */
  release?: string;
  /** Default: the public internet. */
  egress?: Egress;
  /** Share of CPU cores; default: as many as the shape has. */
  cpus?: number;
  /** Volumes that it has. Its template is a VM in which the code is not started yet, for it reads them as it starts. */
  mounts?: RunMount[];
}

/** A volume of a deployment. */
export interface RunMount extends VolumeMount {
  /** It is no part of the code's settings, but was attached to the app. */
  attached?: true;
}

/** A request that changed something, or was to. */
export interface AuditEntry {
  /** ISO 8601. */
  at: string;
  key: string;
  /** The key's project; null for an admin key. */
  project: string | null;
  method: string;
  /** Without the query. */
  path: string;
  /** Of the answer. */
  status: number;
  requestId: string;
}

/** Who did what with which key: the newest entries of each project. */
export interface Audit {
  /** Notes an entry, beside what it is about and never in its way. */
  record(entry: AuditEntry): void;
  /** Newest first; of one project, or of all. */
  list(project: string | null, limit: number): Promise<AuditEntry[]>;
}

/** How a deployment is run, as its author wrote it; absent = the operator's default. */
export interface Scaling {
  minInstances?: number;
  maxInstances?: number;
  /** Requests one instance takes at once before another is thawed. */
  softLimit?: number;
  /** Most requests one instance takes at once. */
  hardLimit?: number;
  idleMs?: number;
  /**
   * What idling comes to: `off`, nothing, one instance stays; `stop`, the instance is thrown away; `freeze`, it is
   * frozen with its memory and goes on later.
   */
  sleep?: 'off' | 'stop' | 'freeze';
}

/** Where an environment value holds: for `main`, for every other branch, or for one branch alone (which wins). */
export type EnvironmentTarget = 'production' | 'preview' | { branch: string };

/** An environment value as it can be shown: without the value. */
export interface EnvironmentEntry {
  name: string;
  target: EnvironmentTarget;
  updatedAt: string;
}

/** A host name of an app's own; `*.example.com` stands for every name one label below. */
export interface Domain {
  host: string;
  app: string;
  createdAt: string;
}

export interface Deployment {
  /** `d` and 11 lower-case letters or digits. */
  id: string;
  app: string;
  branch: string;
  /** Git commit, 40 hex digits; null for an upload. */
  commit: string | null;
  status: DeploymentStatus;
  kind: AppKind | null;
  /** Why it failed, as told to the person who pushed. */
  error: string | null;
  /** Null also for a ready one whose template was removed to save room: it is baked again when it is called for. */
  template: string | null;
  run: RunSpec | null;
  scaling: Scaling;
  crons: CronSpec[];
  createdAt: string;
  readyAt: string | null;
}

export type ReleaseReason = 'push' | 'deploy' | 'rollback' | 'promote' | 'environment';

/** A deployment put in front of a branch's host name; `main` is the app's own. */
export interface Release {
  id: string;
  app: string;
  branch: string;
  /** 1, 2, 3... within app and branch. */
  number: number;
  deployment: string;
  reason: ReleaseReason;
  createdAt: string;
}

/** The branch whose release is the app itself; every other one is a preview. */
export const PRODUCTION_BRANCH = 'main';

/** An install step that was frozen, for later builds to begin after it. */
export interface CachedInstall {
  key: string;
  project: string;
  /** The app whose build made it; others of the project use it too. */
  app: string;
  sizeBytes: number;
  /** ISO 8601. */
  createdAt: string;
  lastUsedAt: string;
}

/** One host name of the edge and the deployment in front of it. */
export interface RouteEntry {
  /**
   * Left-most label: `<app>`, `<branch>--<app>` or `<deployment>--<app>`; or, told apart by its dots, a whole host name
   * of the app's own, `*.` included.
   */
  label: string;
  app: string;
  project: string;
  deployment: string;
  kind: AppKind;
  /** The frozen VM that is thawed for it; null when it has to be baked again first. */
  template: string | null;
  /** Port inside the guest that answers HTTP. */
  port: number;
  /** What its instances may reach; absent = the public internet. */
  egress?: Egress;
  shape: Shape;
  /** Share of CPU cores of an instance; absent = as many as its shape has. */
  cpus?: number;
  /** Volumes of its one instance; absent = none. */
  mounts?: VolumeMount[];
  scaling: Scaling;
}
