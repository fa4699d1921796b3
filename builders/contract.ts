import type { Hono } from 'hono';
import type { App, Control, Deployment, Principal, Release, RunMount } from '../platform/control/contract.ts';
import type { ErrorCode } from '../platform/errors.ts';
import type { Host, Vm } from '../platform/host/contract.ts';
import type { Log } from '../platform/log.ts';
import type { BuildCache } from './build-cache.ts';

/** What the operator decides about builds. */
export interface BuildSettings {
  /** Most bytes of a push or an upload, unpacked. */
  maxSourceBytes: number;
  /** Longest time one branch may take from its first byte to its template, in milliseconds; waiting in line is not counted. */
  buildTimeoutMs: number;
  /** Longest time code may take from its start to its first open port, in milliseconds. */
  startTimeoutMs: number;
  /** Builds that run at once; the rest wait in line. */
  maxConcurrentBuilds: number;
  /** Certificates (PEM) that builds trust besides Node's own; empty for none. */
  caBundle: string;
  /** Lines of npm configuration for builds: the registry, and credentials if the operator says so. Builds can read them. */
  npmrc: string;
  /** Index of Python's packages. */
  pipIndex: string;
  /** `GOPROXY` and the like: where Go modules come from, and who vouches for them. */
  go: Record<string, string>;
  /** Most bytes that a build can write to its disk; 0 = as many as the builder image has room for. */
  buildDiskBytes: number;
  /** Bytes of cached installs that are kept on disk. */
  buildCacheBytes: number;
  /** Host names that builds may reach: the package registries. */
  registryHosts: string[];
  /** The gateway's proxy as guests see it, e.g. `http://172.16.0.1:3128`. */
  egressProxy: string;
}

/** What the builders are handed by the server. */
export interface BuildParts {
  host: Host;
  control: Control;
  log: Log;
  settings: BuildSettings;
  /** Told of each build that is over: `ready`, or what went wrong; waiting in line is counted. */
  built?(build: { outcome: 'ready' | ErrorCode; ms: number }): void;
  /**
   * The volumes that a deployment of an app gets: those that its settings mount, and those that are attached to the app.
   *
   * @throws ThawError when it cannot have one of them
   */
  mounts?(app: App, branch: string, wanted: RunMount[]): Promise<RunMount[]>;
  /** What previews have besides their deployments. Absent = nothing. */
  previews?: Previews;
  /**
   * Called before a deployment is put in front of its branch: makes ready what requests will then need.
   *
   * @returns for one with volumes, which it has by now, what is to be told how it goes on
   * @throws ThawError only for one with volumes: it does not start, and the one in front goes on
   */
  beforeRelease?(deployment: Deployment): Promise<Handover | undefined>;
  /** Public address of a branch's release, e.g. `http://hello.localhost:8080/`. */
  url(app: string, branch: string): string;
  /** Absolute path of the directory that holds the git repositories and the hooks' socket. */
  repos: string;
  /** Absolute path of the Node binary that runs git's hooks. */
  node: string;
}

/** What previews have besides their deployments. Who calls has the turn at the app. */
export interface Previews {
  /**
   * Called before a deployment of a branch begins, which takes the environment of its moment.
   *
   * @throws ThawError: there is no deployment
   */
  begin(app: App, branch: string, report: Report, signal: AbortSignal): Promise<void>;
  /** Called when a deployment of a branch has failed, and when the branch has ended: with nothing in front, all of it goes. */
  settle(app: App, branch: string): Promise<void>;
}

/** From one deployment to another of which only one may run at a time. Disposing it before it is done takes it back. */
export interface Handover extends AsyncDisposable {
  /** The new deployment is in front. */
  done(): Promise<void>;
}

/** Takes one line of progress for the person who deploys: plain text, no line end. */
export type Report = (line: string) => void;

/** Something to build. */
export interface DeployRequest {
  /** Name of the app. With a principal it is made when there is none. */
  app: string;
  /** Git branch; `main` is the app itself, any other one a preview. */
  branch: string;
  /** Git commit, 40 hex digits; null for an upload. */
  commit: string | null;
  /** The tree as a tar stream. Read once. */
  source: AsyncIterable<Uint8Array>;
  principal: Principal;
}

export interface Deployed {
  app: App;
  deployment: Deployment;
  release: Release;
  url: string;
}

/** The builders' front door. */
export interface Builders extends AsyncDisposable {
  /** Installs that later builds go on from. */
  cache: Pick<BuildCache, 'list' | 'clear'>;
  /** Bytes that a project takes on disk: repositories, artifacts, templates, kept installs. */
  diskUse(project: string): Promise<number>;
  /** Smart HTTP for git; belongs under `/git`. */
  git: Hono;
  /**
   * Builds a tree, bakes it into a template and releases it. One at a time for each app, pushes included.
   *
   * @throws ThawError `build_failed` when the code is at fault, `too_large`, `forbidden`, `invalid_input`,
   *   `cancelled` when `signal` fired; nothing is left behind but the deployment with its reason
   */
  deploy(request: DeployRequest, report: Report, signal?: AbortSignal): Promise<Deployed>;
  /**
   * Bakes what is in front of a branch again, with the environment of now, and releases it. Nothing is built.
   *
   * @throws ThawError `conflict` when nothing is in front of it, or as `deploy`
   */
  redeploy(request: { app: App; branch: string }, report: Report, signal?: AbortSignal): Promise<Deployed>;
  /**
   * Bakes a ready deployment's kept artifact again, for a template that no longer fits this host.
   * Callers at the same time share one bake.
   *
   * @returns the new template's id, already recorded
   */
  rebake(deployment: string, signal?: AbortSignal): Promise<string>;
  /**
   * Starts the code of a deployment with volumes in its VM, where nothing of it runs yet, and waits until it answers.
   *
   * @throws ThawError `build_failed` when it does not
   */
  start(vm: Pick<Vm, 'id' | 'address'>, deployment: string, signal: AbortSignal): Promise<void>;
  /** Makes refs, deployments and releases agree after a crash. To be called once, before anything is pushed. */
  reconcile(signal?: AbortSignal): Promise<void>;
  /**
   * Makes ahead what the first push would otherwise wait for: VMs in which the builder and the runtime wait for work.
   * Seconds on first use, nothing later.
   */
  warm(signal?: AbortSignal): Promise<void>;
  /** Breaks off the builds of an app that is about to be removed, and resolves when nothing of them is left. */
  breakOff(app: App): Promise<void>;
  /** Removes the git repository of an app that is gone, by the app's id. */
  forget(app: string): Promise<void>;
}
