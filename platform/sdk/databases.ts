import type {
  Database,
  DatabaseAttachment,
  DatabaseBackups,
  DatabaseRequest,
  DatabaseStatistics,
  DatabaseUrls,
  KeepAwake,
} from '../databases/contract.ts';
import type { EnvironmentChange } from './environment.ts';
import { outcomeOf, type ProgressEvent } from './progress.ts';
import type { CallOptions, Transport } from './transport.ts';

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
  QueryStatistics,
} from '../databases/contract.ts';

/** A database that was just made, and where clients connect to it. */
export type NewDatabase = Database & DatabaseUrls;

/** The first of a size waits for its template. */
const MAKE_LIMIT_MS = 180_000;

export interface DatabaseOptions extends CallOptions {
  /** For admin keys; default: the project `default`. */
  project?: string | undefined;
}

export interface AttachOptions extends DatabaseOptions {
  /** Called with each line of progress. */
  onLine?: ((text: string) => void) | undefined;
}

/** Managed Postgres databases. */
export class Databases {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async create(request: DatabaseRequest, { project, ...options }: DatabaseOptions = {}): Promise<NewDatabase> {
    const json = { ...request, project };
    const call = { ...options, method: 'POST', path: ['v1', 'databases'], json, timeoutMs: MAKE_LIMIT_MS } as const;
    return await this.#transport.json(call);
  }

  /** Those that the key may see. */
  async list({ project, ...options }: DatabaseOptions = {}): Promise<Database[]> {
    const call = { ...options, path: ['v1', 'databases'], query: { project } };
    return (await this.#transport.json<{ databases: Database[] }>(call)).databases;
  }

  async get(name: string, options: DatabaseOptions = {}): Promise<Database> {
    return await this.#transport.json(at(options, name));
  }

  /** Where clients connect, with the password; needs the scope `manage`. */
  async urls(name: string, options: DatabaseOptions = {}): Promise<DatabaseUrls> {
    return await this.#transport.json(at(options, name, 'urls'));
  }

  /** Changes when it sleeps. */
  async configure(
    name: string,
    change: { idleSeconds?: number | undefined; keepAwake?: KeepAwake[] | undefined },
    options: DatabaseOptions = {},
  ): Promise<Database> {
    return await this.#transport.json({ ...at(options, name), method: 'PATCH', json: change });
  }

  /** Removes it with its data. */
  async remove(name: string, options: DatabaseOptions = {}): Promise<void> {
    await this.#transport.json({ ...at(options, name), method: 'DELETE' });
  }

  /** Copies a database as it is at this moment. */
  async branch(name: string, branchName: string, options: DatabaseOptions = {}): Promise<NewDatabase> {
    const call = { ...at(options, name, 'branches'), timeoutMs: MAKE_LIMIT_MS };
    return await this.#transport.json({ ...call, method: 'POST', json: { name: branchName } });
  }

  /** The apps that have it in their environment. */
  async attachments(name: string, options: DatabaseOptions = {}): Promise<DatabaseAttachment[]> {
    const call = at(options, name, 'attachments');
    return (await this.#transport.json<{ attachments: DatabaseAttachment[] }>(call)).attachments;
  }

  /**
   * Sets `DATABASE_URL` (through the pool) and `DATABASE_URL_DIRECT` of an app, or of its previews, and bakes again what is in
   * front. With `branches` each preview gets a branch of the database, which is made with the preview and ends with it.
   */
  async attach(
    name: string,
    app: string,
    how: { target?: 'production' | 'preview' | undefined; branches?: boolean | undefined } = {},
    { onLine, ...options }: AttachOptions = {},
  ): Promise<EnvironmentChange> {
    const call = { ...at(options, name, 'attachments', app), method: 'PUT' as const, json: how };
    const { entries, deployed } = await outcomeOf(
      this.#transport.lines<ProgressEvent<EnvironmentChange>>(call),
      onLine,
    );
    return { entries, deployed };
  }

  /**
   * Takes it out of the environment of an app and its previews, and bakes again what is in front. Rejects with `conflict`
   * while previews have branches of it, unless `removeBranches` says that these go with their data.
   */
  async detach(
    name: string,
    app: string,
    { onLine, removeBranches, ...options }: AttachOptions & { removeBranches?: boolean | undefined } = {},
  ): Promise<EnvironmentChange> {
    const { query, ...place } = at(options, name, 'attachments', app);
    const call = {
      ...place,
      method: 'DELETE' as const,
      query: { ...query, removeBranches: removeBranches === true ? 'true' : undefined },
    };
    const { entries, deployed } = await outcomeOf(
      this.#transport.lines<ProgressEvent<EnvironmentChange>>(call),
      onLine,
    );
    return { entries, deployed };
  }

  async wake(name: string, options: DatabaseOptions = {}): Promise<Database> {
    return await this.#transport.json({ ...at(options, name, 'wake'), method: 'POST' });
  }

  /** Rejects with `conflict` while a query runs or a transaction is open. */
  async sleep(name: string, options: DatabaseOptions = {}): Promise<Database> {
    return await this.#transport.json({ ...at(options, name, 'sleep'), method: 'POST' });
  }

  /** A dump as SQL, as it comes. */
  export(name: string, options: DatabaseOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#transport.bytes(at(options, name, 'export'));
  }

  /** @param options `queries`: how many of the dearest queries, default none */
  async statistics(
    name: string,
    { queries, ...options }: DatabaseOptions & { queries?: number | undefined } = {},
  ): Promise<DatabaseStatistics> {
    const { query, ...call } = at(options, name, 'statistics');
    return await this.#transport.json({ ...call, query: { ...query, queries } });
  }

  /** What it can be restored from. */
  async backups(name: string, options: DatabaseOptions = {}): Promise<DatabaseBackups> {
    return await this.#transport.json(at(options, name, 'backups'));
  }

  /** Makes a backup now, or tries a restore of the newest one; it takes as long as it takes. */
  async backUp(name: string, act: 'make' | 'test' = 'make', options: DatabaseOptions = {}): Promise<DatabaseBackups> {
    const call = { ...at(options, name, 'backups'), unlimited: true };
    return await this.#transport.json({ ...call, method: 'POST', json: { act } });
  }

  /** Restores it into a new one. @param into `at`: ISO 8601; absent = as late as possible */
  async restore(
    name: string,
    into: { name: string; at?: string | undefined },
    options: DatabaseOptions = {},
  ): Promise<NewDatabase> {
    const call = { ...at(options, name, 'restore'), unlimited: true };
    return await this.#transport.json({ ...call, method: 'POST', json: into });
  }

  /** The certificate that clients have to trust for `sslmode=verify-full`, as PEM. */
  async authority(options: CallOptions = {}): Promise<string> {
    const call = { ...options, path: ['v1', 'database-authority'] };
    return (await this.#transport.json<{ certificate: string }>(call)).certificate;
  }
}

function at({ project, ...options }: DatabaseOptions, name: string, ...more: string[]) {
  return { ...options, path: ['v1', 'databases', name, ...more], query: { project } };
}
