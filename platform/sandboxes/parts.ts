import type { Control } from '../control/contract.ts';
import type { DiskMount, Host } from '../host/contract.ts';
import type { Log } from '../log.ts';
import type { LogLine, LogQuery } from '../logs/contract.ts';
import type { VolumeMount } from '../volumes/contract.ts';

/** Logs on disk, bounded. */
export interface Journal {
  append(id: string, lines: LogLine[]): Promise<void>;
  read(id: string, query: LogQuery, limit: number): Promise<LogLine[]>;
  remove(id: string): Promise<void>;
  follow(id: string, query: LogQuery, limit: number, signal: AbortSignal): AsyncIterable<LogLine>;
}

/** What the operator allows; times in seconds. */
export interface SandboxBounds {
  maxTtlSeconds: number;
  maxMemoryMiB: number;
  maxCpus: number;
  /** Most of one project that run at once; a project's own limit may be lower. */
  projectInstances: number;
}

/** All that the room is handed. */
export interface SandboxesParts {
  host: Host;
  control: Pick<Control, 'sandboxes' | 'sandboxTemplates' | 'projects' | 'portKey'>;
  bounds: SandboxBounds;
  /** Instances of a project's apps that are awake: they count as well. */
  awake(project: string): number;
  /** The disks behind mounts of volumes. @throws ThawError `not_found`, `invalid_input` for a path */
  disks(project: string, mounts: VolumeMount[]): Promise<DiskMount[]>;
  /** Makes the copies of volumes that a fork got volumes of their own. @throws ThawError `quota_exceeded` */
  adopt(project: string, copies: { from: string; disk: string }[], fork: string): Promise<void>;
  /** The VM of a sandbox is about to stop or has gone: connections to it lead nowhere. */
  gone(sandbox: string): void;
  /** Where what happens to sandboxes is written down, by their ids. */
  journal: Journal;
  clock(): Date;
  random(size: number): Uint8Array;
  log: Log;
}
