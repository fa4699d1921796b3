import type {
  Database,
  DatabaseBackups,
  DatabaseRequest,
  DatabaseStatistics,
  DatabaseUrls,
  KeepAwake,
} from '../databases/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type {
  Database,
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
