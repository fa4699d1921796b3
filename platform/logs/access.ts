import type { Log } from '../log.ts';
import type { RequestRecord } from './contract.ts';
import { levelOfRequest } from './request-line.ts';
import type { LogStore } from './store.ts';
import { storeRequest } from './stored.ts';

/** Lines are written in groups: what comes within this time goes to disk at once. */
const GROUP_MS = 100;
/** Lines that may wait for the disk; more are lost. */
const MOST_PENDING = 10_000;

/** A request that is over, as the edge tells of it. */
export interface AccessEvent extends Omit<RequestRecord, 'cut' | 'start' | 'code' | 'traceId'> {
  traceId: string;
  requestId: string;
  instance: string | undefined;
  start: RequestRecord['start'] | undefined;
  code: string | undefined;
  cut: boolean;
}

export interface AccessParts {
  store: LogStore;
  /** The control plane's id of an app, by its name; undefined when it is gone. */
  appId(name: string): Promise<string | undefined>;
  log: Log;
  clock(): Date;
}

/** Brings one line for each request into the log of its app. Whoever adds one waits for nothing. */
export class AccessLog implements AsyncDisposable {
  readonly #parts: AccessParts;
  /** By app, as they go to disk: objects that wait for it cost more, for the garbage collector copies them twice. */
  #pending = new Map<string, string[]>();
  #count = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  /** @param to the app's name, and what it was asked of */
  add({ app, deployment }: { app: string; deployment: string }, event: AccessEvent): void {
    if (this.#count >= MOST_PENDING) {
      this.#lost += 1;
      return;
    }
    this.#count += 1;
    const line = lineOf(this.#parts.clock().toISOString(), deployment, event);
    const group = this.#pending.get(app);
    if (group === undefined) this.#pending.set(app, [line]);
    else group.push(line);
    this.#timer ??= setTimeout(() => void this.flush(), GROUP_MS);
  }

  /** Writes what was added so far. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }

  async #write(): Promise<void> {
    const { store, appId, log } = this.#parts;
    const [groups, lost] = [this.#pending, this.#lost];
    this.#pending = new Map();
    this.#lost = 0;
    if (lost > 0) log.warn({ lines: lost }, 'access lines were lost: the disk is too slow');
    for (const [app, group] of groups) {
      try {
        const id = await appId(app);
        if (id !== undefined) await store.appendStored(id, group);
      } catch (err) {
        log.warn({ app, lines: group.length, err }, 'access lines were lost');
      } finally {
        this.#count -= group.length;
      }
    }
  }
}

function lineOf(time: string, deployment: string, event: AccessEvent): string {
  const { requestId, instance, method, path, status, ms, bytes, start, code, traceId, cut } = event;
  const request: RequestRecord = {
    method,
    path,
    status,
    ms: Math.round(ms * 10) / 10,
    bytes,
    ...(start === undefined ? {} : { start }),
    ...(code === undefined ? {} : { code }),
    ...(cut ? { cut } : {}),
    traceId,
  };
  const level = levelOfRequest(request);
  return storeRequest({ time, instance: instance ?? null, deployment, stream: 'request', level, requestId, request });
}
