import type { Sandbox, SandboxEndReason, SandboxFilter } from './contract.ts';

/** What the control plane keeps of a sandbox. */
export interface SandboxRecord extends Sandbox {
  /** The host's template that it was thawed from. */
  hostTemplate: string;
  /** In the clear; encrypted at rest. */
  environment: Record<string, string>;
}

/** A version of a template of a project's own. */
export interface TemplateRecord {
  project: string;
  name: string;
  /** 1, 2, 3... within the name. */
  version: number;
  hostTemplate: string;
  /** The host's template whose disk it stands on. */
  hostParent: string;
  memoryMiB: number;
  cpus: number;
  sizeBytes: number;
  createdAt: string;
  /** Nobody can have it any more, but others may stand on it. */
  removed: boolean;
}

/** Sandboxes in the control database. */
export interface SandboxRecords {
  /** @throws ThawError `not_found` when there is no such project */
  add(sandbox: SandboxRecord): Promise<void>;
  /** Takes back one that never came to be. */
  drop(id: string): Promise<void>;
  update(
    id: string,
    change: Partial<Pick<Sandbox, 'state' | 'ttlSeconds' | 'endsAt' | 'egress' | 'ports' | 'autoPause' | 'metadata'>>,
  ): Promise<void>;
  /** Marks them as over, and forgets the oldest of their projects that are past the bound. Returns the ids of those. */
  end(ids: string[], reason: SandboxEndReason, at: string): Promise<string[]>;
  /** One of a project, or of any. @throws ThawError `not_found`, also for another project's */
  get(id: string, project: string | null): Promise<Sandbox>;
  /** Newest first. */
  list(project: string | null, filter: SandboxFilter): Promise<Sandbox[]>;
  /** All that are not over. */
  live(): Promise<SandboxRecord[]>;
}

/** The projects' own templates in the control database. */
export interface TemplateRecords {
  /** Adds the next version. @throws ThawError `not_found` when there is no such project */
  add(template: Omit<TemplateRecord, 'version' | 'createdAt' | 'removed'>): Promise<TemplateRecord>;
  /** Those that can be had, of one project or of all; newest first. */
  list(project: string | null): Promise<TemplateRecord[]>;
  /** Every one, removed ones included. */
  all(): Promise<TemplateRecord[]>;
  /** Marks a version, or all of a name, as removed. @throws ThawError `not_found` */
  remove(project: string, name: string, version: number | undefined): Promise<TemplateRecord[]>;
  /** Forgets removed ones whose host templates are gone. */
  forget(hostTemplates: string[]): Promise<void>;
}
