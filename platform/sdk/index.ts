import { Apps } from './apps.ts';
import { AuditLog } from './audit.ts';
import { BuildCache } from './build-cache.ts';
import { Crons } from './crons.ts';
import { Databases } from './databases.ts';
import { Deployments } from './deployments.ts';
import { Domains } from './domains.ts';
import { AppEnvironment } from './environment.ts';
import { HostInfo } from './host.ts';
import { Instances } from './instances.ts';
import { Keys } from './keys.ts';
import { Logs } from './logs.ts';
import { Projects } from './projects.ts';
import { Releases } from './releases.ts';
import { type Sandbox, sandboxesOf } from './sandbox.ts';
import type { Sandboxes } from './sandboxes.ts';
import { Templates } from './templates.ts';
import { type ThawOptions, Transport } from './transport.ts';
import { Volumes } from './volumes.ts';

export type { App, AppKind } from './apps.ts';
export type { AuditEntry } from './audit.ts';
export type { CachedInstall } from './build-cache.ts';
export { Command } from './command.ts';
export type { CronRun, CronStatus } from './crons.ts';
export type {
  Database,
  DatabaseAttachment,
  DatabaseBackup,
  DatabaseBackups,
  DatabaseRequest,
  DatabaseState,
  DatabaseStatistics,
  DatabaseUrls,
  KeepAwake,
  NewDatabase,
  QueryStatistics,
} from './databases.ts';
export type { Deployed, Deployment, DeploymentStatus, DeployOptions } from './deployments.ts';
export type { Domain } from './domains.ts';
export type { EnvironmentChange, EnvironmentEntry, EnvironmentTarget } from './environment.ts';
export { ThawApiError, type ThawErrorCode } from './error.ts';
export type { Finding, HostFacts } from './host.ts';
export type { Instance } from './instances.ts';
export type { KeyInfo, NewKey, Scope } from './keys.ts';
export type { LogLevel, LogLine, LogOptions, LogStream, RequestRecord } from './logs.ts';
export type { Project, ProjectLimits, ProjectUsage } from './projects.ts';
export type { Release, ReleaseReason } from './releases.ts';
export { Sandbox } from './sandbox.ts';
export type { CodeExecution, CodeOptions } from './sandbox-code.ts';
export type { FileContent } from './sandbox-files.ts';
export type {
  CodeError,
  CodeResult,
  CommandEvent,
  CommandResult,
  CreateOptions,
  ExecOptions,
  Exit,
  FileChange,
  FileEntry,
  OutputEvent,
  RunningCommand,
  SandboxEgress,
  SandboxEndReason,
  SandboxEvent,
  SandboxInfo,
  SandboxState,
  SandboxTemplate,
  StartOptions,
  TerminalSize,
  UsageSample,
} from './sandbox-types.ts';
export type { CallOptions, ThawOptions } from './transport.ts';
export type { Volume, VolumeHolder, VolumeMount, VolumeSnapshot } from './volumes.ts';

/**
 * A client of one Thaw server. It holds no connection and needs no closing; it
 * uses nothing but `fetch` and web streams, so it runs in browsers too.
 *
 * ```ts
 * const thaw = new Thaw({ url: 'http://127.0.0.1:7070', apiKey });
 * for await (const { line } of thaw.logs.read('hello', { follow: true, signal })) show(line);
 * ```
 *
 * Every call rejects with a `ThawApiError`, or with the reason of the signal that ended it.
 */
export class Thaw {
  readonly apps: Apps;
  readonly deployments: Deployments;
  readonly releases: Releases;
  readonly environment: AppEnvironment;
  readonly domains: Domains;
  readonly crons: Crons;
  readonly databases: Databases;
  readonly buildCache: BuildCache;
  readonly sandboxes: Sandboxes<Sandbox>;
  readonly templates: Templates;
  readonly volumes: Volumes;
  readonly audit: AuditLog;
  readonly instances: Instances;
  readonly logs: Logs;
  readonly keys: Keys;
  readonly projects: Projects;
  readonly host: HostInfo;

  /** @throws ThawApiError `invalid_input` for an address that is no http(s) URL */
  constructor(options: ThawOptions) {
    const transport = new Transport(options);
    this.apps = new Apps(transport);
    this.deployments = new Deployments(transport);
    this.releases = new Releases(transport);
    this.environment = new AppEnvironment(transport);
    this.domains = new Domains(transport);
    this.crons = new Crons(transport);
    this.databases = new Databases(transport);
    this.buildCache = new BuildCache(transport);
    this.sandboxes = sandboxesOf(transport);
    this.templates = new Templates(transport);
    this.volumes = new Volumes(transport);
    this.audit = new AuditLog(transport);
    this.instances = new Instances(transport);
    this.logs = new Logs(transport);
    this.keys = new Keys(transport);
    this.projects = new Projects(transport);
    this.host = new HostInfo(transport);
  }
}
