import type { DatabaseRecords } from '../databases/records.ts';
import type { SandboxRecords, TemplateRecords } from '../sandboxes/records.ts';
import type { VolumeRecords } from '../volumes/records.ts';
import type { CronRuns, CronSpec } from './cron-records.ts';
import type {
  App,
  AppKind,
  Audit,
  Deployment,
  Domain,
  EnvironmentEntry,
  EnvironmentTarget,
  KeyInfo,
  Principal,
  Project,
  ProjectLimits,
  ProjectUsage,
  Release,
  ReleaseReason,
  RouteEntry,
  RunSpec,
  Scaling,
  Scope,
} from './records.ts';

export * from './cron-records.ts';
export * from './records.ts';

/**
 * What is true. Everything in it is in the database (artifacts: in files beside
 * it), nothing is kept in memory that could not be read again.
 */
export interface Control extends AsyncDisposable {
  projects: {
    list(): Promise<Project[]>;
    /** @throws ThawError `conflict` when the name is taken, `invalid_input` when it is no DNS label */
    create(name: string): Promise<Project>;
    /** @throws ThawError `not_found` */
    limits(name: string): Promise<ProjectLimits>;
    /** Those of every project, by its name. */
    allLimits(): Promise<Map<string, ProjectLimits>>;
    /** Sets the limits that are named; the others stay. Counts as a change of the routes. @throws ThawError `not_found` */
    setLimits(name: string, change: Partial<ProjectLimits>): Promise<ProjectLimits>;
    /** @throws ThawError `not_found` */
    usage(name: string): Promise<ProjectUsage>;
  };
  builds: {
    /** Notes that a build took so long. @throws ThawError `not_found` */
    record(project: string, seconds: number): Promise<void>;
    /**
     * @param disk tells the bytes that the project takes; asked only when they are limited
     * @throws ThawError `quota_exceeded` when the project has used up its minutes of building today, or its disk
     */
    requireRoom(project: string, disk: () => Promise<number>): Promise<void>;
  };
  keys: {
    /** Makes a key; the secret (`thw_...`) is returned this once. */
    create(input: { name: string; project: string | null; scopes: Scope[] }): Promise<{ key: KeyInfo; secret: string }>;
    list(project: string | null): Promise<KeyInfo[]>;
    /** @throws ThawError `not_found` */
    revoke(id: string, project: string | null): Promise<void>;
    /** The principal of a secret. @throws ThawError `unauthenticated` for an unknown or revoked one */
    authenticate(secret: string): Promise<Principal>;
  };
  apps: {
    /** All, or those of one project. */
    list(project: string | null): Promise<App[]>;
    /** @throws ThawError `not_found`; also for an app of another project */
    get(name: string, project: string | null): Promise<App>;
    /** @throws ThawError `invalid_input`, `conflict`, or `quota_exceeded` when the project has all the apps it may */
    create(name: string, project: string): Promise<App>;
    /**
     * The app, made now if there is none.
     *
     * @throws ThawError `invalid_input`; `conflict` when another project has the name; `quota_exceeded`
     */
    ensure(name: string, principal: Principal): Promise<App>;
    /** Removes the app with all it has; returns the templates that nothing needs any more. */
    remove(name: string, project: string | null): Promise<{ templates: string[] }>;
  };
  deployments: {
    /** Takes the environment of the branch as it is now. */
    begin(input: { app: string; branch: string; commit: string | null }): Promise<Deployment>;
    ready(
      id: string,
      built: { kind: AppKind; template: string; run: RunSpec; scaling?: Scaling; crons?: CronSpec[] },
    ): Promise<Deployment>;
    /** The environment that a deployment was begun with, in the clear. Immutable, as the deployment is. */
    environment(id: string): Promise<Record<string, string>>;
    /** Also takes back a ready one that was never released. @throws ThawError `conflict` when it was, or failed before */
    fail(id: string, reason: string): Promise<void>;
    /** Replaces the template of a ready deployment: it was baked again. */
    rebaked(id: string, template: string): Promise<void>;
    get(id: string): Promise<Deployment>;
    list(app: string): Promise<Deployment[]>;
    /** Marks what was still building when the server ended as failed. Returns their ids. */
    failInterrupted(): Promise<string[]>;
    /** Those of a commit that are ready and were never released, of every app, the newest first. */
    unreleased(): Promise<Deployment[]>;
    /** Templates that some ready deployment needs. */
    templatesInUse(): Promise<Set<string>>;
    /**
     * Those that are kept for nobody, the oldest first: ready or failed, not in front of a branch, not among the newest
     * `keep` of their app and status, and older than that.
     */
    expired(bounds: { keep: number; olderThanMs: number }): Promise<Deployment[]>;
    /**
     * Lets go of the template of a ready deployment, which is baked again when it is called for. Returns the template
     * unless another deployment needs it.
     *
     * @throws ThawError `not_found`; `conflict` when it is in front of a branch or not ready
     */
    forgetTemplate(id: string): Promise<{ templates: string[] }>;
    /**
     * Removes a deployment with its artifact and releases. Returns its template unless another deployment needs it.
     *
     * @throws ThawError `not_found`; `conflict` when it is in front of a branch or building
     */
    remove(id: string): Promise<{ templates: string[] }>;
  };
  releases: {
    create(input: { app: string; branch: string; deployment: string; reason: ReleaseReason }): Promise<Release>;
    list(app: string): Promise<Release[]>;
    /**
     * Puts an earlier deployment in front of a branch again.
     *
     * @param input.release number of the release to go back to; default: the newest one before the current one that has
     *   another deployment
     * @throws ThawError `not_found` when there is nothing to go back to, `conflict` when it is in front already
     */
    rollback(input: { app: string; branch: string; release?: number | undefined }): Promise<Release>;
    /** The deployment that `rollback` would put in front now. @throws ThawError as `rollback` */
    earlier(input: { app: string; branch: string; release?: number | undefined }): Promise<string>;
    /**
     * Puts a deployment, or what is in front of another branch, in front of the app itself.
     *
     * @throws ThawError `not_found`, `conflict` when it is not ready, `invalid_input` for the app's own branch
     */
    promote(input: { app: string } & ({ deployment: string } | { branch: string })): Promise<Release>;
    /** The newest one of a branch. */
    current(app: string, branch: string): Promise<Release | undefined>;
    /** The newest one of each branch that has one in front, of one app or, for null, of all. */
    inFront(app: string | null): Promise<Release[]>;
    /** Takes a preview away: its branch was deleted. */
    endBranch(app: string, branch: string): Promise<void>;
  };
  /** Environment values of apps, encrypted at rest. A deployment takes the values of its moment when it begins. */
  environment: {
    /**
     * Sets values, and removes those that are null, in one step.
     *
     * @throws ThawError `invalid_input`, naming the wrong name; `too_large` when the app has more than it may
     */
    change(app: string, target: EnvironmentTarget, values: Record<string, string | null>): Promise<void>;
    list(app: string): Promise<EnvironmentEntry[]>;
    /** What a deployment for this target would get now, in the clear; for `preview` that of a branch without values of its own. */
    values(app: string, target: EnvironmentTarget): Promise<Record<string, string>>;
    /** What a deployment of this branch would get now, in the clear. */
    of(app: string, branch: string): Promise<Record<string, string>>;
  };
  domains: {
    list(app: string): Promise<Domain[]>;
    /** @throws ThawError `invalid_input` when it is no host name or lies below the platform's own domain; `conflict` when taken */
    add(app: string, host: string): Promise<Domain>;
    /** @throws ThawError `not_found` */
    remove(app: string, host: string): Promise<void>;
  };
  cronRuns: CronRuns;
  databases: DatabaseRecords;
  sandboxes: SandboxRecords;
  sandboxTemplates: TemplateRecords;
  volumes: VolumeRecords;
  audit: Audit;
  /** What tokens for ports of sandboxes are signed with, 32 bytes. */
  portKey: Uint8Array;
  /** The crons of what is in front of each app, and since when it is; apps without any are left out. */
  scheduled(): Promise<{ app: string; deployment: string; since: string; crons: CronSpec[] }[]>;
  /** Every label that answers now, for the edge's table: read at the start, then after each change. */
  routes(): Promise<RouteEntry[]>;
  /** Calls back after each committed change of the routes or of a project's limits. Returns the unsubscriber. */
  onRoutesChanged(listener: () => void): () => void;
  artifacts: {
    /** Keeps the built artifact (a tar) of a deployment: written beside, synced, renamed. */
    put(deployment: string, tar: AsyncIterable<Uint8Array>): Promise<{ bytes: number }>;
    /** @throws ThawError `not_found` */
    get(deployment: string): AsyncIterable<Uint8Array>;
    remove(deployment: string): Promise<void>;
    /** Bytes on disk; 0 for one that is not there. */
    size(deployment: string): Promise<number>;
  };
}
