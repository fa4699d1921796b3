import type { EnvironmentEntry, EnvironmentTarget } from '../control/contract.ts';
import type { Deployed } from './deployments.ts';
import { outcomeOf, type ProgressEvent } from './progress.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { EnvironmentEntry, EnvironmentTarget } from '../control/contract.ts';

/** What a change of an environment came to. */
export interface EnvironmentChange {
  /** All names that the app has now, without their values. */
  entries: EnvironmentEntry[];
  /** What was baked again with the new values. */
  deployed: Deployed[];
}

export interface ChangeOptions extends CallOptions {
  /** False: only deployments that begin from now on get the values. Default true. */
  redeploy?: boolean | undefined;
  /** Called with each line of progress. */
  onLine?: ((text: string) => void) | undefined;
}

/** The environment values of apps: kept encrypted, part of each deployment that is made after they were set. */
export class AppEnvironment {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The names of an app's values, of all targets. */
  async list(app: string, options: CallOptions = {}): Promise<EnvironmentEntry[]> {
    const answer = await this.#transport.json<{ entries: EnvironmentEntry[] }>({
      ...options,
      path: ['v1', 'apps', app, 'environment'],
    });
    return answer.entries;
  }

  /** The values that a deployment for the target would get now, in the clear; needs the scope `manage`. */
  async values(
    app: string,
    target: EnvironmentTarget = 'production',
    options: CallOptions = {},
  ): Promise<Record<string, string>> {
    const answer = await this.#transport.json<{ values: Record<string, string> }>({
      ...options,
      path: ['v1', 'apps', app, 'environment', 'values'],
      query: typeof target === 'string' ? { target } : { branch: target.branch },
    });
    return answer.values;
  }

  /**
   * Sets values, and removes those that are null, all or nothing. What is in front is then baked again with them and
   * released; when that fails the values are kept all the same.
   */
  async change(
    app: string,
    input: { target: EnvironmentTarget; values: Record<string, string | null> },
    options: ChangeOptions = {},
  ): Promise<EnvironmentChange> {
    const { redeploy, onLine, ...call } = options;
    const events = this.#transport.lines<ProgressEvent<EnvironmentChange>>({
      ...call,
      method: 'PUT',
      path: ['v1', 'apps', app, 'environment'],
      query: { redeploy: redeploy === false ? 'false' : undefined },
      json: input,
    });
    const { entries, deployed } = await outcomeOf(events, onLine);
    return { entries, deployed };
  }
}
