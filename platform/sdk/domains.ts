import type { Domain } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { Domain } from '../control/contract.ts';

/** Host names of apps' own. */
export class Domains {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async list(app: string, options: CallOptions = {}): Promise<Domain[]> {
    const answer = await this.#transport.json<{ domains: Domain[] }>({
      ...options,
      path: ['v1', 'apps', app, 'domains'],
    });
    return answer.domains;
  }

  /** Lets a host name lead to the app; `*.example.com` stands for every name one label below. */
  async add(app: string, host: string, options: CallOptions = {}): Promise<Domain> {
    const path = ['v1', 'apps', app, 'domains'];
    return await this.#transport.json({ ...options, method: 'POST', path, json: { host } });
  }

  async remove(app: string, host: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: ['v1', 'apps', app, 'domains', host] });
  }
}
