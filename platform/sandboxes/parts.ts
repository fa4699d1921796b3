import type { Control } from '../control/contract.ts';
import type { Host } from '../host/contract.ts';
import type { Log } from '../log.ts';

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
  /** The VM of a sandbox is about to stop or has gone: connections to it lead nowhere. */
  gone(sandbox: string): void;
  clock(): Date;
  random(size: number): Uint8Array;
  log: Log;
}
