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

  /**
   * Puts an earlier deployment in front again, as a new release.
   *
   * @param to number of the release, or id of the deployment; default: the release before the current one
   * @throws ThawApiError `not_found` when there is nothing to go back to
   */
  async rollback(
    app: string,
    to?: number | string | undefined,
    options: CallOptions & { /** Default `main`. */ branch?: string | undefined } = {},
  ): Promise<Release> {
    const { branch, ...call } = options;
    const [path, json] =
      typeof to === 'string' ? ['releases', { deployment: to, branch }] : ['rollback', { release: to, branch }];
    return await this.#transport.json({ ...call, method: 'POST', path: ['v1', 'apps', app, path], json });
  }

  /** Puts a ready deployment, or what is in front of a branch, in front of the app itself. Nothing is built or baked. */
  async promote(
    app: string,
    what: { deployment: string } | { branch: string },
    options: CallOptions = {},
  ): Promise<Release> {
    return await this.#transport.json({
      ...options,
      method: 'POST',
      path: ['v1', 'apps', app, 'promote'],
      json: what,
    });
  }
}
