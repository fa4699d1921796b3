import type { CachedInstall } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { CachedInstall } from '../control/contract.ts';

/** The frozen installs that builds begin from. */
export class BuildCache {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those of the key's project; all for an admin key. The most recently used first. */
  async list(options: CallOptions = {}): Promise<CachedInstall[]> {
    const answer = await this.#transport.json<{ entries: CachedInstall[] }>({
      ...options,
      path: ['v1', 'build-cache'],
    });
    return answer.entries;
  }

  /** Removes them, or those of one app; tells how many. */
  async clear(options: CallOptions & { app?: string | undefined } = {}): Promise<number> {
    const { app, ...call } = options;
    const answer = await this.#transport.json<{ removed: number }>({
      ...call,
      method: 'DELETE',
      path: ['v1', 'build-cache'],
      query: { app },
    });
    return answer.removed;
  }
}
