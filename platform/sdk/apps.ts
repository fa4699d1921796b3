import type { App as StoredApp } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

/** What is deployed to, and where it answers once a deployment is released. */
export type App = StoredApp & { url: string };

export type { AppKind } from '../control/contract.ts';

/** Apps: list, look at, make, remove. */
export class Apps {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The apps that the key may see. */
  async list(options: CallOptions = {}): Promise<App[]> {
    const answer = await this.#transport.json<{ apps: App[] }>({ ...options, path: ['v1', 'apps'] });
    return answer.apps;
  }

  async get(app: string, options: CallOptions = {}): Promise<App> {
    return await this.#transport.json({ ...options, path: ['v1', 'apps', app] });
  }

  /** Makes an app; a first deployment makes it as well. */
  async create(
    input: { name: string /** Default: that of the key. */; project?: string | undefined },
    options: CallOptions = {},
  ): Promise<App> {
    return await this.#transport.json({ ...options, method: 'POST', path: ['v1', 'apps'], json: input });
  }

  /** Removes an app with its deployments, releases and logs; its instances end. */
  async remove(app: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: ['v1', 'apps', app] });
  }
}
