import type { Database, DatabaseState } from './contract.ts';
import type { DatabaseRecord } from './records.ts';

/** A database that is there, and its VM when it has one. */
export class LiveDatabase {
  readonly record: DatabaseRecord;
  /** The host's id of its VM, awake or asleep; null = its disk is all there is. */
  vm: string | null = null;
  state: DatabaseState = 'stopped';
  /** When it was last woken or started, in milliseconds since 1970; 0 = not since the server began. */
  usedAt = 0;
  /** Work inside that is under way: it would stand still with the database. */
  uses = 0;
  /** It is being removed: nothing else begins. */
  removing = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(record: DatabaseRecord) {
    this.record = record;
  }

  get id(): string {
    return this.record.id;
  }

  /** One change of its state after the other. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Does something inside, during which it does not fall asleep. Whether it is awake is to be looked at in there. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.uses += 1;
    try {
      // A sleep that has begun is over then; a later one is refused.
      await this.turn(async () => {});
      return await work();
    } finally {
      this.uses -= 1;
    }
  }

  /** As others may see it. */
  shown(connections: Database['connections']): Database {
    const {
      status: _,
      password: __,
      disk: ___,
      dbname: ____,
      backupKey: _____,
      preview: whose,
      ...shown
    } = this.record;
    const preview = whose && { app: whose.app, branch: whose.branch };
    return { ...shown, preview, state: this.state, connections };
  }
}
