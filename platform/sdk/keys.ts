import type { KeyInfo, Scope } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { KeyInfo, Scope } from '../control/contract.ts';

export interface NewKey {
  name: string;
  /** Project that the key is bound to; null makes an admin key. Default: that of the key which asks, `default` for an admin's. */
  project?: string | null | undefined;
  /** Default: those of the key which asks. */
  scopes?: Scope[] | undefined;
}

/** API keys. A secret is told once, when its key is made. */
export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The keys of the asking key's project; all of them for an admin key. */
  async list(options: CallOptions = {}): Promise<KeyInfo[]> {
    const answer = await this.#transport.json<{ keys: KeyInfo[] }>({ ...options, path: ['v1', 'keys'] });
    return answer.keys;
  }

  /** Makes a key and tells its secret this once. */
  async create(input: NewKey, options: CallOptions = {}): Promise<{ key: KeyInfo; secret: string }> {
    return await this.#transport.json({ ...options, method: 'POST', path: ['v1', 'keys'], json: input });
  }

  /** Ends a key at once. */
  async revoke(id: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: ['v1', 'keys', id] });
  }
}
