import { ThawError } from '../errors.ts';
import type { Backups } from './backups/backups.ts';
import { branchesFor, type PreviewOf, previewName, requireUnneeded } from './belonging.ts';
import type {
  Database,
  DatabaseBackups,
  DatabaseRequest,
  DatabaseStatistics,
  DatabaseUrls,
  KeepAwake,
} from './contract.ts';
import type { Fleet } from './fleet.ts';
import { dump, look } from './guest.ts';
import { DEFAULT_DISK_MIB, DEFAULT_MEMORY_MIB, requireIdle } from './limits.ts';
import type { LiveDatabase } from './live.ts';
import { branch, create, restore } from './making.ts';
import { revive, sleep, templateOf, up } from './power.ts';
import { busyQuery, readStatistics, statisticsQuery } from './queries.ts';
import { Room } from './room.ts';
import type { DatabaseTemplates } from './templates.ts';
import { requireVersion } from './versions.ts';

/** Longest that an answer about what a database does is waited for. */
const ASK_LIMIT_MS = 10_000;

/** Where the edge finds a database. */
export interface Reachable {
  id: string;
  name: string;
  project: string;
  idleSeconds: number;
  keepAwake: KeepAwake[];
}

/** A database that belongs to a preview. */
export type PreviewDatabase = Database & { preview: PreviewOf };

/** Databases, for those who ask on behalf of a project. */
export class Databases implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #room: Room;
  readonly #templates: DatabaseTemplates;
  readonly #backups: Backups | undefined;
  readonly #opened: AsyncDisposableStack;

  constructor(fleet: Fleet, templates: DatabaseTemplates, backups: Backups | undefined, opened: AsyncDisposableStack) {
    this.#fleet = fleet;
    this.#room = new Room(fleet);
    this.#backups = backups;
    this.#templates = templates;
    this.#opened = opened;
  }

  /** @throws ThawError `invalid_input`, `not_found` for the project, `conflict` for the name, and what `Host.thaw` does */
  async create(request: DatabaseRequest & { project: string }, signal: AbortSignal): Promise<Database> {
    using _room = await this.#room.take(request.project, request.memoryMiB ?? DEFAULT_MEMORY_MIB);
    return this.#shown(await create(this.#fleet, this.#templates, request, signal));
  }

  /** @throws ThawError as `create` does, `not_found` for the one to branch */
  async branch(project: string, name: string, branchName: string, signal: AbortSignal): Promise<Database> {
    return this.#shown(await this.#branch(this.#fleet.find(project, name), { name: branchName }, signal));
  }

  /** Branches a database for a preview. @throws ThawError as `branch` does */
  async branchFor(preview: PreviewOf, project: string, name: string, signal: AbortSignal): Promise<Database> {
    const parent = this.#fleet.find(project, name);
    return this.#shown(await this.#branch(parent, { name: previewName(name, preview), preview }, signal));
  }

  /** What was branched for previews: of all apps, of one by its id, or that from one database. */
  ofPreviews(of: { appId?: string; parent?: { project: string; name: string } } = {}): PreviewDatabase[] {
    const parent = of.parent && this.#fleet.find(of.parent.project, of.parent.name);
    const found = branchesFor(this.#fleet, { ...of, parent });
    return found.flatMap((live) => {
      const { preview } = live.record;
      return preview === null ? [] : [{ ...this.#shown(live), preview }];
    });
  }

  /** @param project null = of all */
  list(project: string | null): Database[] {
    const all = this.#fleet.all().filter(({ record, removing }) => record.status === 'ready' && !removing);
    return all.filter(({ record }) => project === null || record.project === project).map((live) => this.#shown(live));
  }

  /** @throws ThawError `not_found` */
  get(project: string, name: string): Database {
    return this.#shown(this.#fleet.find(project, name));
  }

  /** @throws ThawError `not_found` */
  urls(project: string, name: string): DatabaseUrls {
    const { record } = this.#fleet.find(project, name);
    const { edge, guest } = this.#fleet.parts.addresses();
    const url = (user: string, { host, port }: typeof edge) =>
      `postgres://${user}:${record.password}@${host}:${port}/${record.dbname}`;
    const pooled = `${record.endpoint}.pool`;
    return {
      url: url(pooled, edge),
      directUrl: url(record.endpoint, edge),
      guestUrl: url(pooled, guest),
      guestDirectUrl: url(record.endpoint, guest),
    };
  }

  /** Changes when it sleeps. @throws ThawError `not_found`, `invalid_input` */
  async configure(
    project: string,
    name: string,
    change: { idleSeconds?: number | undefined; keepAwake?: KeepAwake[] | undefined },
  ): Promise<Database> {
    const live = this.#fleet.find(project, name);
    const { idleSeconds = live.record.idleSeconds, keepAwake = live.record.keepAwake } = change;
    const wanted = { idleSeconds: requireIdle(idleSeconds), keepAwake };
    await this.#fleet.parts.control.databases.update(live.id, wanted);
    Object.assign(live.record, wanted);
    this.#fleet.parts.listed();
    return this.#shown(live);
  }

  /** Ends it with its data. @throws ThawError `not_found`; `conflict` while an app or a preview needs it */
  async remove(project: string, name: string): Promise<void> {
    const live = this.#fleet.find(project, name);
    await requireUnneeded(this.#fleet, live);
    await this.#end(live);
  }

  /** Ends one that a preview had. @throws ThawError `not_found` */
  async removeOf({ project, name }: Pick<Database, 'project' | 'name'>): Promise<void> {
    await this.#end(this.#fleet.find(project, name));
  }

  async #end(live: LiveDatabase): Promise<void> {
    const { control, host } = this.#fleet.parts;
    live.removing = true;
    await control.databases.update(live.id, { status: 'removing' });
    this.#fleet.parts.changed(live.id, 'gone');
    await live.turn(async () => {
      if (live.vm !== null) await host.end(live.vm);
      if (live.record.disk !== null) await host.removeDisk(live.record.disk);
      await control.databases.drop(live.id);
      await this.#backups?.forget(live.id);
      this.#fleet.forget(live);
    });
  }

  /** @throws ThawError `not_found`, and what `Host.wake` and `Host.thaw` do */
  async wake(project: string, name: string, signal: AbortSignal): Promise<Database> {
    const live = this.#fleet.find(project, name);
    await this.up(live.id, signal);
    this.#fleet.parts.listed();
    return this.#shown(live);
  }

  /** What it can be restored from. @throws ThawError `not_found`, `conflict` where no backups are made */
  backups(project: string, name: string): Promise<DatabaseBackups> {
    return this.#keptBackups.of(this.#fleet.find(project, name));
  }

  /** Makes a backup now, or tries a restore. */
  async backUp(project: string, name: string, act: 'make' | 'test'): Promise<DatabaseBackups> {
    return this.#keptBackups[act](this.#fleet.find(project, name));
  }

  /** @param at null = as late as possible @throws ThawError as `create` does; `invalid_input` for the moment */
  async restore(
    project: string,
    name: string,
    into: { name: string; at: Date | null },
    signal: AbortSignal,
  ): Promise<Database> {
    const source = this.#fleet.find(project, name);
    using _room = await this.#room.take(project, source.record.memoryMiB);
    return this.#shown(await restore(this.#fleet, this.#keptBackups, { source, ...into }, signal));
  }

  get #keptBackups(): Backups {
    if (this.#backups !== undefined) return this.#backups;
    throw new ThawError('conflict', 'This server makes no backups of databases.', {
      hint: 'Its operator can set THAW_BACKUPS.',
    });
  }

  /** A dump as SQL; it is woken for it. @throws ThawError `not_found`, `unavailable` */
  async *export(project: string, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const live = this.#fleet.find(project, name);
    live.uses += 1;
    try {
      await this.wake(project, name, signal);
      yield* dump(this.#fleet.parts.host, live.vm ?? '', live.record.dbname, signal);
    } finally {
      live.uses -= 1;
    }
  }

  /**
   * What it is at; one that sleeps is not woken for it.
   *
   * @param queries how many of the dearest queries
   */
  async statistics(project: string, name: string, queries: number, signal: AbortSignal): Promise<DatabaseStatistics> {
    const live = this.#fleet.find(project, name);
    const { connections, host } = this.#fleet.parts;
    const known = { state: live.state, connections: connections(live.id) };
    const nothing = { sizeBytes: null, cacheHitRatio: null, transactions: null, backends: null, queries: null };
    const { vm } = live;
    if (live.state !== 'awake' || vm === null) return { ...known, ...nothing };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_LIMIT_MS)]);
    return { ...known, ...readStatistics(await look(host, vm, live.record.dbname, statisticsQuery(queries), limit)) };
  }

  /** The database of an endpoint, for the edge. From memory. */
  reachable(endpoint: string): Reachable | undefined {
    const live = this.#fleet.atEndpoint(endpoint);
    if (live === undefined || live.removing || live.record.status !== 'ready') return undefined;
    const { id, project, idleSeconds, keepAwake } = live.record;
    return { id, name: live.record.dbname, project, idleSeconds, keepAwake };
  }

  /** All of them, for the edge to watch. */
  endpoints(): Pick<Database, 'id' | 'endpoint' | 'state'>[] {
    return this.#fleet.all().map(({ id, record, state }) => ({ id, endpoint: record.endpoint, state }));
  }

  /** Sees to it that it takes connections. @returns the address of its VM @throws ThawError as `wake` does */
  async up(id: string, signal: AbortSignal): Promise<string> {
    const live = this.#require(id);
    using _room = await this.#room.takeFor(live);
    return await up(this.#fleet, live, signal);
  }

  /** Ends the VM of an awake one in which Postgres does not listen; the next who wants it starts it anew. */
  revive(id: string): Promise<void> {
    return revive(this.#fleet, this.#require(id));
  }

  /** @throws ThawError as `power.ts` says */
  sleep(id: string): Promise<void> {
    return sleep(this.#fleet, this.#require(id));
  }

  /** Where an awake one is. */
  address(id: string): string | undefined {
    const live = this.#fleet.get(id);
    if (live?.state !== 'awake' || live.vm === null) return undefined;
    return this.#fleet.parts.host.get(live.vm)?.address;
  }

  /** What it is busy with by itself. */
  async busyWith(id: string, signal: AbortSignal): Promise<string | undefined> {
    const { record, vm, state, uses } = this.#require(id);
    if (vm === null || state !== 'awake') return undefined;
    if (uses > 0) return 'a backup or an export';
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_LIMIT_MS)]);
    const rows = await look(this.#fleet.parts.host, vm, record.dbname, busyQuery(record.keepAwake), limit);
    const busy = rows.split('\n')[0] || undefined;
    // What it committed is copied before it sleeps; a database without a backup has nothing to wait for.
    if (busy === undefined) await this.#backups?.catchUp(this.#require(id));
    return busy;
  }

  /** Makes what the first database would have to wait for. */
  async prepare(memoryMiB: number, signal: AbortSignal): Promise<void> {
    await this.#templates.get(
      await templateOf(this.#fleet, { version: requireVersion(undefined), memoryMiB }, signal),
      DEFAULT_DISK_MIB,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }

  /** MiB of memory of the databases of a project that are awake. */
  awakeMiB(project: string): number {
    return this.#room.used(project);
  }

  async #branch(parent: LiveDatabase, wanted: Parameters<typeof branch>[2], signal: AbortSignal) {
    // The original is woken for it.
    using _parent = await this.#room.takeFor(parent);
    using _room = await this.#room.take(parent.record.project, parent.record.memoryMiB);
    return await branch(this.#fleet, parent, wanted, signal);
  }

  #require(id: string): LiveDatabase {
    const live = this.#fleet.get(id);
    if (live === undefined) throw new ThawError('gone', 'The database was removed.');
    return live;
  }

  #shown(live: LiveDatabase): Database {
    return live.shown(this.#fleet.parts.connections(live.id));
  }
}
