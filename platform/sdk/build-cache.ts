import type { CallOptions, Transport } from './transport.ts';

/** An install step that was frozen, for later builds to begin after it. */
export interface CachedInstall {
  key: string;
  project: string;
  /** The app whose build made it; others of the project use it too. */
  app: string;
  sizeBytes: number;
  /** ISO 8601. */
  createdAt: string;
  lastUsedAt: string;
}

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
