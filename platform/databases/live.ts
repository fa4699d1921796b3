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

  /** As others may see it. */
  shown(connections: Database['connections']): Database {
    const { status: _, password: __, disk: ___, dbname: ____, backupKey: _____, ...shown } = this.record;
    return { ...shown, state: this.state, connections };
  }
}
