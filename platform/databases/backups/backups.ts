import { ThawError, toThawError } from '../../errors.ts';
import type { DatabaseBackups } from '../contract.ts';
import type { Fleet } from '../fleet.ts';
import { backUp, checkpointLog, sql } from '../guest.ts';
import type { LiveDatabase } from '../live.ts';
import { up } from '../power.ts';
import type { Repositories } from './repository.ts';
import { restoreInto, scratch } from './restore.ts';
import { readInfo, readNote } from './told.ts';

const HOUR_MS = 3_600_000;
/** How often it is looked what is due. */
const LOOK_MS = 60_000;
/** A full backup for so many: each restore reads one, and the incremental ones after it. */
const FULL_EVERY = 7;
/** A new database is backed up for the first time after this. */
const FIRST_MS = HOUR_MS;

export interface BackupTimes {
  /** From one backup to the next of a database that was used meanwhile. */
  everyMs: number;
  /** From one test of a restore to the next; 0 = none. */
  testMs: number;
}

/** Backups of databases: made when they are due, their log copied on, a restore tried now and then. */
export class Backups implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #repositories: Repositories;
  readonly #times: BackupTimes;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Where each database's log stood when all of it was copied. */
  readonly #copied = new Map<string, string>();
  /** One thing at a time on the whole machine: backups are no hurry. */
  #turn: Promise<unknown> = Promise.resolve();
  #looking = false;

  constructor(fleet: Fleet, repositories: Repositories, times: BackupTimes) {
    this.#fleet = fleet;
    this.#repositories = repositories;
    this.#times = times;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
    void this.#check();
  }

  async of(live: LiveDatabase): Promise<DatabaseBackups> {
    return readNote(await this.#repositories.note(live.record, this.#closing.signal));
  }

  /** Makes one now. @throws ThawError `unavailable` when it fails */
  make(live: LiveDatabase): Promise<DatabaseBackups> {
    return this.#inTurn(() => live.use(() => this.#make(live))).finally(() => this.#fleet.parts.listed());
  }

  /**
   * Sees to it that everything committed so far can be restored. A database without a backup has nothing to add to.
   *
   * @throws ThawError `unavailable`
   */
  catchUp(live: LiveDatabase): Promise<void> {
    return this.#inTurn(() => live.use(() => this.#catchUp(live)));
  }

  /** Restores a database into the disk of a new one, in whose turn this is. @param at null = as late as possible */
  async restore(source: LiveDatabase, target: LiveDatabase, at: Date | null, signal: AbortSignal): Promise<void> {
    const asked = this.#fleet.parts.clock();
    const known = await this.of(source);
    const [oldest] = known.backups;
    if (oldest === undefined) {
      throw new ThawError('conflict', `The database ${source.record.name} has no backup yet.`, {
        hint: 'Make one: `thaw db backups --now`.',
      });
    }
    if (at !== null && at.toISOString() < oldest.endedAt) {
      throw new ThawError('invalid_input', `The oldest moment that can be restored is ${oldest.endedAt}.`);
    }
    // One that does not start any more is restored as far as it was copied.
    await this.#newest(source).catch((err: unknown) => {
      this.#fleet.parts.log.warn({ database: source.record.name, err }, 'restoring without the newest of the log');
    });
    const { until } = await this.of(source);
    if (at !== null && at > asked && (until === null || at.toISOString() > until)) {
      throw new ThawError('invalid_input', `The newest moment that can be restored is ${until ?? 'not known'}.`);
    }
    await this.#inTurn(() =>
      restoreInto(this.#fleet, this.#repositories, { source, target, at: earlier(at, until) }, signal),
    );
  }

  /** Restores the newest into a VM that goes again, and reads all of it. */
  test(live: LiveDatabase): Promise<DatabaseBackups> {
    return this.#inTurn(() => this.#test(live));
  }

  /** Removes the backups of a database that is gone. What cannot be removed is told in the log: its key is gone too. */
  async forget(database: string): Promise<void> {
    this.#copied.delete(database);
    await this.#repositories.remove(database, this.#closing.signal).catch((err: unknown) => {
      this.#fleet.parts.log.error(
        { database, err },
        'backups of a removed database are left and have to be removed by hand',
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#turn;
  }

  /** A store that does not answer is no reason not to start: what it is needed for fails by itself. */
  async #check(): Promise<void> {
    const { signal } = this.#closing;
    await this.#repositories.check(signal).catch((thrown: unknown) => {
      if (signal.aborted) return;
      const err = toThawError(thrown);
      this.#fleet.parts.log.warn({ err, hint: err.hint }, 'backups of databases cannot be kept at the moment');
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Copies everything that is committed by now. */
  #newest(live: LiveDatabase): Promise<void> {
    const copied = live.use(async () => {
      await up(this.#fleet, live, this.#closing.signal);
      await this.#inTurn(() => this.#catchUp(live, true));
    });
    return copied.finally(() => this.#fleet.parts.listed());
  }

  async #make(live: LiveDatabase): Promise<DatabaseBackups> {
    const { host, clock, log } = this.#fleet.parts;
    const { signal } = this.#closing;
    // One that cannot be kept is not worth the work, nor the room on the database's disk.
    await this.#repositories.check(signal);
    await up(this.#fleet, live, signal);
    const vm = live.vm ?? '';
    const before = await this.of(live);
    const sinceFull = before.backups.length - 1 - before.backups.findLastIndex(({ type }) => type === 'full');
    const full = before.backups.length === 0 || sinceFull + 1 >= FULL_EVERY;
    const began = performance.now();
    const backups = readInfo(
      await backUp(host, vm, { type: full ? 'full' : 'incr', key: live.record.backupKey }, signal),
    );
    await this.#repositories.pull(host, vm, live.id, signal);
    const known = { ...before, backups, until: backups.at(-1)?.endedAt ?? clock().toISOString() };
    await this.#repositories.setNote(live.record, known, signal);
    log.info({ database: live.record.name, full, ms: Math.round(performance.now() - began) }, 'database backed up');
    return known;
  }

  async #catchUp(live: LiveDatabase, always = false): Promise<void> {
    const { host } = this.#fleet.parts;
    const { signal } = this.#closing;
    const known = await this.of(live);
    const { vm } = live;
    if (known.backups.length === 0 || vm === null || live.state !== 'awake') return;
    const ask = (text: string) => sql(host, vm, 'postgres', text, signal);
    const position = () => ask('SELECT pg_current_wal_lsn();');
    if (!always && this.#copied.get(live.id) === (await position())) return;
    // Each try fills a segment of the log: not as long as there is no place for it.
    await this.#repositories.check(signal);
    // By the VM's own clock, as commits are. A moment is found by the first commit after it, so there has to be one.
    const until = new Date(Number(await ask('SELECT extract(epoch FROM clock_timestamp()) * 1000;'))).toISOString();
    await ask('SELECT pg_current_xact_id();');
    await checkpointLog(host, vm, signal);
    await this.#repositories.pull(host, vm, live.id, signal);
    this.#copied.set(live.id, await position());
    await this.#repositories.setNote(live.record, { ...known, until }, signal);
  }

  async #test(live: LiveDatabase): Promise<DatabaseBackups> {
    const { clock, log } = this.#fleet.parts;
    const known = await this.of(live);
    const error = await scratch(this.#fleet, this.#repositories, live, this.#closing.signal).then(
      () => null,
      (thrown: unknown) => toThawError(thrown).message,
    );
    const test = { at: clock().toISOString(), ok: error === null, error };
    if (error !== null) log.error({ database: live.record.name, error }, 'a backup could not be restored');
    const after = { ...known, test };
    await this.#repositories.setNote(live.record, after, this.#closing.signal);
    return after;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { clock, log } = this.#fleet.parts;
    try {
      for (const live of this.#fleet.all()) {
        if (live.record.status !== 'ready' || live.removing || this.#closing.signal.aborted) continue;
        await this.#due(live, clock().getTime()).catch((err: unknown) => {
          if (!this.#closing.signal.aborted) log.error({ database: live.record.name, err }, 'a backup failed');
        });
      }
    } finally {
      this.#looking = false;
    }
  }

  async #due(live: LiveDatabase, now: number): Promise<void> {
    const { backups, test } = await this.of(live);
    const last = backups.at(-1);
    const due =
      last === undefined
        ? now - Date.parse(live.record.createdAt) >= FIRST_MS
        : now - Date.parse(last.endedAt) >= this.#times.everyMs && live.usedAt > Date.parse(last.endedAt);
    if (due) await this.make(live);
    else if (live.state === 'awake') await this.catchUp(live);
    if (this.#times.testMs === 0 || backups.length === 0) return;
    if (now - Date.parse(test?.at ?? live.record.createdAt) >= this.#times.testMs) await this.test(live);
  }
}

/** The clock of a VM may be a fraction of a second behind: what has just been is then not there yet. */
function earlier(at: Date | null, until: string | null): Date | null {
  return at === null || until === null || at.toISOString() <= until ? at : new Date(until);
}
