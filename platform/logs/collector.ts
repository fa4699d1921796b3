import type { GuestLogLine, Host } from '../host/contract.ts';
import type { Log } from '../log.ts';
import { describeLine } from './guess.ts';
import type { LogStore } from './store.ts';

/** Collection begins this long after a thaw: until then the guest's processor belongs to the first request. */
const HEAD_START_MS = 500;
/** Longest that the last lines of an ending VM are waited for. */
const LAST_LINES_LIMIT_MS = 1_000;
/** Lines are written in groups: what comes within this time goes to disk at once. */
const GROUP_MS = 20;

export interface CollectedVm {
  id: string;
  app: string;
  deployment: string;
}

interface Collection {
  vm: CollectedVm;
  /** Sequence number of the last line taken. */
  after: number;
  timer: NodeJS.Timeout;
  stop: AbortController;
  running: Promise<void>;
}

/** Brings what the code in each instance writes to the log store. */
export class LogCollector implements AsyncDisposable {
  readonly #host: Pick<Host, 'logs'>;
  readonly #store: LogStore;
  readonly #log: Log;
  readonly #collections = new Map<string, Collection>();

  constructor(host: Pick<Host, 'logs'>, store: LogStore, log: Log) {
    this.#host = host;
    this.#store = store;
    this.#log = log;
  }

  /** Number of the last line that was taken of an instance, by this server or an earlier one; 0 for none. */
  async taken({ id, app }: Pick<CollectedVm, 'id' | 'app'>): Promise<number> {
    const newest = await this.#store.read(app, { instance: id, written: true }, 1);
    return newest[0]?.seq ?? 0;
  }

  /** Begins to collect, in a moment. @param after number of the last line that was taken already */
  begin(vm: CollectedVm, after = 0): void {
    const stop = new AbortController();
    const collection: Collection = {
      vm,
      after,
      stop,
      running: Promise.resolve(),
      timer: setTimeout(() => {
        collection.running = this.#collect(collection, true, stop.signal).catch((err: unknown) => {
          if (!stop.signal.aborted) this.#log.debug({ vm: vm.id, err }, 'log collection ended');
        });
      }, HEAD_START_MS),
    };
    this.#collections.set(vm.id, collection);
  }

  /** Takes the last lines of a VM that is about to end or to sleep, and stops. Returns the number of the last one. */
  async finish(vm: string): Promise<number> {
    const collection = this.#forget(vm);
    if (!collection) return 0;
    collection.stop.abort();
    await collection.running;
    await this.#collect(collection, false, AbortSignal.timeout(LAST_LINES_LIMIT_MS)).catch(() => {});
    return collection.after;
  }

  /** Stops for a VM that is gone. */
  drop(vm: string): void {
    this.#forget(vm)?.stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#collections.keys()].map((vm) => this.finish(vm)));
  }

  #forget(vm: string): Collection | undefined {
    const collection = this.#collections.get(vm);
    if (collection) clearTimeout(collection.timer);
    this.#collections.delete(vm);
    return collection;
  }

  async #collect(collection: Collection, follow: boolean, signal: AbortSignal): Promise<void> {
    const { vm } = collection;
    let group: GuestLogLine[] = [];
    let timer: NodeJS.Timeout | undefined;
    const flush = async () => {
      clearTimeout(timer);
      timer = undefined;
      const lines = group.map(({ seq, time, stream, line }) => ({
        time,
        seq,
        instance: vm.id,
        deployment: vm.deployment,
        stream,
        ...describeLine(stream, line),
        line,
      }));
      group = [];
      await this.#store.append(vm.app, lines).catch((err: unknown) => this.#log.warn({ err }, 'log lines were lost'));
    };
    try {
      for await (const line of this.#host.logs(vm.id, { after: collection.after, follow }, signal)) {
        collection.after = line.seq;
        group.push(line);
        timer ??= setTimeout(() => void flush(), GROUP_MS);
      }
    } finally {
      await flush();
    }
  }
}
