import type { AgentCaller } from './call.ts';

/** A disk as the guest's agent knows it. */
export interface GuestDisk {
  /** Of the device. */
  serial: string;
  path: string;
  readOnly: boolean;
  owner: string;
}

/** Longest that everything which a guest has not written yet may take. */
const WRITE_LIMIT_MS = 30_000;

/** The guest's side of its data disks. */
export class GuestDisks {
  readonly #caller: AgentCaller;

  constructor(caller: AgentCaller) {
    this.#caller = caller;
  }

  /** Mounts them. Once in a VM's life, before anything is done with them. */
  mount(disks: GuestDisk[], signal?: AbortSignal): Promise<void> {
    return this.#post('', { disks }, signal);
  }

  /** Writes what is not written yet. */
  sync(signal?: AbortSignal): Promise<void> {
    return this.#post('/sync', {}, signal);
  }

  /** Writes what is not written yet, and lets nothing be written until `thaw`: the disks are whole as they are. */
  freeze(signal?: AbortSignal): Promise<void> {
    return this.#post('/freeze', {}, signal);
  }

  thaw(signal?: AbortSignal): Promise<void> {
    return this.#post('/thaw', {}, signal);
  }

  /** Makes a file system fill its disk, once the guest's kernel has heard of the new size. */
  grow(path: string, bytes: number, signal?: AbortSignal): Promise<void> {
    return this.#post('/grow', { path, bytes }, signal);
  }

  #post(act: string, body: unknown, signal?: AbortSignal): Promise<void> {
    const limit = AbortSignal.timeout(WRITE_LIMIT_MS);
    return this.#caller.done({
      method: 'POST',
      path: `/disks${act}`,
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  }
}
