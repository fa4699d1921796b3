import type { Release } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { Release, ReleaseReason } from '../control/contract.ts';

/** Releases: which deployment is in front of a branch's host name. */
export class Releases {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All releases of an app, of every branch, the newest first. */
  async list(app: string, options: CallOptions = {}): Promise<Release[]> {
    const answer = await this.#transport.json<{ releases: Release[] }>({
      ...options,
      path: ['v1', 'apps', app, 'releases'],
    });
    return answer.releases;
  }

  /** Puts an older deployment in front again, as a new release. */
  async rollback(
    app: string,
    deployment: string,
    options: CallOptions & { /** Default `main`. */ branch?: string | undefined } = {},
  ): Promise<Release> {
    const { branch, ...call } = options;
    return await this.#transport.json({
      ...call,
      method: 'POST',
      path: ['v1', 'apps', app, 'releases'],
      json: { deployment, branch },
    });
  }
}
