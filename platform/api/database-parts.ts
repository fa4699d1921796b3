import type { App, Deployment } from '../control/contract.ts';
import type {
  Database,
  DatabaseAttachment,
  DatabaseBackups,
  DatabaseRequest,
  DatabaseStatistics,
  DatabaseUrls,
  KeepAwake,
} from '../databases/contract.ts';

/** The databases, as the API needs them. What is another project's is `not_found`. */
export interface Databases {
  databases: {
    create(request: DatabaseRequest & { project: string }, signal: AbortSignal): Promise<Database>;
    branch(project: string, name: string, branchName: string, signal: AbortSignal): Promise<Database>;
    /** @param project null = of all */
    list(project: string | null): Database[];
    get(project: string, name: string): Database;
    urls(project: string, name: string): DatabaseUrls;
    configure(
      project: string,
      name: string,
      change: { idleSeconds?: number | undefined; keepAwake?: KeepAwake[] | undefined },
    ): Promise<Database>;
    remove(project: string, name: string): Promise<void>;
    /** MiB of memory of those that are awake. */
    awakeMiB(project: string): number;
    wake(project: string, name: string, signal: AbortSignal): Promise<Database>;
    export(project: string, name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
    backups(project: string, name: string): Promise<DatabaseBackups>;
    backUp(project: string, name: string, act: 'make' | 'test'): Promise<DatabaseBackups>;
    /** @param into `at` null = as late as possible */
    restore(
      project: string,
      name: string,
      into: { name: string; at: Date | null },
      signal: AbortSignal,
    ): Promise<Database>;
    statistics(project: string, name: string, queries: number, signal: AbortSignal): Promise<DatabaseStatistics>;
  };
  /** Databases in the environments of apps. */
  attachments: {
    list(project: string, name: string): Promise<DatabaseAttachment[]>;
    /** @returns the previews that are to be deployed again for it though their environment is what it was */
    attach(
      project: string,
      name: string,
      to: { app: App; target: 'production' | 'preview'; branches: boolean },
    ): Promise<string[]>;
    /** @returns the targets that it was in, and what to call when they are deployed without it */
    detach(
      project: string,
      name: string,
      app: App,
      options: { removeBranches: boolean },
    ): Promise<{ targets: ('production' | 'preview')[]; finish(): Promise<void> }>;
  };
  previews: {
    /** Refuses to put a deployment in front of another branch when it runs with a database of its own one's preview. */
    requireMovable(deployment: Pick<Deployment, 'id' | 'app' | 'branch'>, to: string): Promise<void>;
  };
  /** Puts one to sleep now. @returns false when something is under way */
  sleep(id: string): Promise<boolean>;
  /** The certificate of the authority that signs the edge's, as PEM. */
  authority: string;
}
