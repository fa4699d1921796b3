import type { Hono } from 'hono';
import type {
  App,
  CachedInstall,
  Control,
  CronRun,
  CronSpec,
  Deployment,
  Principal,
  Release,
} from '../control/contract.ts';
import type { Finding, Host } from '../host/contract.ts';
import type { Log } from '../log.ts';
import type { LogLine, LogQuery } from '../logs/contract.ts';
import type { Databases } from './database-parts.ts';
import type { Sandboxes } from './sandbox-parts.ts';
import type { Volumes } from './volume-parts.ts';

/** An uploaded tree to build and release. */
export interface DeployRequest {
  app: string;
  branch: string;
  /** Null: an upload has none. */
  commit: null;
  /** The tree as a tar stream. Read once. */
  source: AsyncIterable<Uint8Array>;
  principal: Principal;
}

/** A deployment that is live. */
export interface Deployed {
  deployment: Deployment;
  release: Release;
  url: string;
}

/** From one deployment to another of which only one may run at a time. Disposing it before it is done takes it back. */
export interface Handover extends AsyncDisposable {
  /** The new deployment is in front. */
  done(): Promise<void>;
}

/** The schedules of apps. */
export interface Crons {
  /** Those of what is in front of an app now, and when each comes next. */
  upcoming(app: string): { cron: CronSpec; next: string | null; running: number }[];
  /**
   * Runs one now, beside its schedule, and waits for its end. A run that fails is a result and no error.
   *
   * @throws ThawError `not_found`; `conflict` when it runs already and must not overlap
   */
  run(app: string, cron: string, signal: AbortSignal): Promise<CronRun>;
}

/** The installs that builds begin from. */
export interface BuildCache {
  /** Those of one project, or all; the most recently used first. */
  list(project: string | null): Promise<CachedInstall[]>;
  /** Removes all entries of a project, of one of its apps, or of everyone. Returns how many. */
  clear(project: string | null, app?: string): Promise<number>;
}

export interface LogOptions {
  query: LogQuery;
  /** Most lines of the past: the newest ones. */
  limit: number;
  /** Goes on with what is written from now on, until the signal fires. */
  follow: boolean;
}

/** A VM that was thawed for a deployment and is running now. */
export interface Instance {
  id: string;
  app: string;
  deployment: string;
  /** Where the host reaches it. */
  address?: string;
  /** ISO 8601. */
  startedAt: string;
  state: 'running' | 'asleep';
  /** Requests in flight. */
  requests: number;
  /** Where the time of the thaw went, in milliseconds, in order. */
  phases: Record<string, number>;
}

/** All that the API is handed. */
export interface ApiParts {
  control: Control;
  host: Pick<Host, 'facts' | 'removeTemplate'>;
  log: Log;
  version: string;
  /** Apps are `<app>.<domain>`. */
  domain: string;
  /** Port of the HTTP edge, for the URLs of apps. */
  edgePort: number;
  /** Most bytes of an upload. */
  maxSourceBytes: number;
  /** True once everything that serves is up; until then `/healthz` answers 503. */
  ready(): boolean;
  /**
   * Builds and releases a tree. `report` takes each line of progress.
   *
   * @throws ThawError, which becomes the last line of the answer
   */
  deploy(request: DeployRequest, report: (line: string) => void, signal: AbortSignal): Promise<Deployed>;
  /**
   * Bakes what is in front of a branch again, with the environment of now, and releases it for the reason
   * `environment`. Nothing is built.
   *
   * @throws ThawError
   */
  redeploy(
    request: { app: App; branch: string },
    report: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Deployed>;
  /**
   * Lets a deployment with volumes take over before it is put in front of a branch. Absent: nothing has volumes here.
   *
   * @throws ThawError why it does not start; what is in front goes on
   */
  takeOver?(deployment: Deployment, branch: string): Promise<Handover | undefined>;
  crons: Crons;
  buildCache: BuildCache;
  /** Bytes that a project takes on disk. */
  diskUse(project: string): Promise<number>;
  sandboxes: Sandboxes;
  volumes: Volumes;
  databases?: Databases;
  /** JSON schema of `thaw.toml`. */
  settingsSchema(): unknown;
  /** The log of an app, oldest line first; ends when `signal` fires. */
  logs(app: App, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
  /** What runs now, of every app. */
  instances(): Instance[];
  /** The examination of this machine. */
  findings(signal: AbortSignal): Promise<Finding[]>;
  /** Breaks off what is being built for an app that is about to be removed. */
  breakOff?(app: App): Promise<void>;
  /** Lets go of what other rooms keep of an app that was just removed: repository, logs, instances. */
  forget?(app: App): Promise<void>;
  /** What is measured, for Prometheus. */
  metrics?: {
    exposition(): Promise<{ type: string; text: string }>;
    /** `loopback`: a program on this machine needs no key. */
    openTo: 'key' | 'loopback';
  };
  /** Git over HTTP, mounted at `/git`; checks keys by itself. */
  git?: Hono;
  /** Fires when the server closes: streams that are still going end then. */
  closing?: AbortSignal;
}
