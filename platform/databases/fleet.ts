import { ThawError } from '../errors.ts';
import { LiveDatabase } from './live.ts';
import type { DatabasesParts } from './parts.ts';
import type { DatabaseRecord } from './records.ts';

/** The databases that there are, by what they are asked for with. */
export class Fleet {
  readonly parts: DatabasesParts;
  readonly #byId = new Map<string, LiveDatabase>();
  readonly #byEndpoint = new Map<string, LiveDatabase>();
  readonly #byVm = new Map<string, LiveDatabase>();

  constructor(parts: DatabasesParts) {
    this.parts = parts;
  }

  all(): LiveDatabase[] {
    return [...this.#byId.values()];
  }

  get(id: string): LiveDatabase | undefined {
    return this.#byId.get(id);
  }

  atEndpoint(endpoint: string): LiveDatabase | undefined {
    return this.#byEndpoint.get(endpoint);
  }

  ofVm(vm: string): LiveDatabase | undefined {
    return this.#byVm.get(vm);
  }

  /** @throws ThawError `not_found` */
  find(project: string, name: string): LiveDatabase {
    for (const live of this.#byId.values()) {
      if (live.record.name === name && live.record.project === project && !live.removing) return live;
    }
    throw new ThawError('not_found', `There is no database called ${name}.`, {
      hint: '`thaw db list` shows those that there are.',
    });
  }

  keep(record: DatabaseRecord): LiveDatabase {
    const live = new LiveDatabase(record);
    this.#byId.set(live.id, live);
    this.#byEndpoint.set(record.endpoint, live);
    this.parts.listed();
    return live;
  }

  forget(live: LiveDatabase): void {
    this.settle(live, null);
    this.#byId.delete(live.id);
    this.#byEndpoint.delete(live.record.endpoint);
    this.parts.listed();
  }

  /** Says which VM is a database's from now on. */
  settle(live: LiveDatabase, vm: string | null): void {
    if (live.vm !== null) this.#byVm.delete(live.vm);
    live.vm = vm;
    if (vm !== null) this.#byVm.set(vm, live);
    else live.state = 'stopped';
  }
}
