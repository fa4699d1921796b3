import type {
  Database,
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
  /** Puts one to sleep now. @returns false when something is under way */
  sleep(id: string): Promise<boolean>;
  /** The certificate of the authority that signs the edge's, as PEM. */
  authority: string;
}
