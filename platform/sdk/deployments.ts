import type { Release, Deployment as StoredDeployment } from '../control/contract.ts';
import { outcomeOf, type ProgressEvent } from './progress.ts';
import type { CallOptions, Transport } from './transport.ts';

/** An app at a commit or an upload; immutable. How it is started stays inside the platform. */
export type Deployment = Omit<StoredDeployment, 'run' | 'template'>;

export type { DeploymentStatus } from '../control/contract.ts';

/** A deployment that is live. */
export interface Deployed {
  deployment: Deployment;
  release: Release;
  url: string;
}

export interface DeployOptions extends CallOptions {
  /** Default `main`, the app itself; every other branch is a preview. */
  branch?: string | undefined;
  /** Called with each line of the build's progress. */
  onLine?: ((text: string) => void) | undefined;
  /** Called with the bytes sent so far. */
  onSent?: ((bytes: number) => void) | undefined;
}

/** Deployments: code, built and frozen. */
export class Deployments {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All deployments of an app, the newest first. */
  async list(app: string, options: CallOptions = {}): Promise<Deployment[]> {
    const answer = await this.#transport.json<{ deployments: Deployment[] }>({
      ...options,
      path: ['v1', 'apps', app, 'deployments'],
    });
    return answer.deployments;
  }

  /**
   * Builds and releases what a tar stream holds; the app is made if there is
   * none. Resolves when the release is live. The bytes are read as fast as they
   * can be sent; when `tar` throws, nothing is deployed and its error is thrown.
   *
   * @throws ThawApiError `build_failed`, with the reason, when the code is at fault
   */
  async deploy(app: string, tar: AsyncIterable<Uint8Array>, options: DeployOptions = {}): Promise<Deployed> {
    const { branch, onLine, onSent, ...call } = options;
    const source = { failed: false, error: undefined as unknown };
    const bytes = watch(tar, source, onSent);
    try {
      const events = this.#transport.lines<ProgressEvent<Deployed>>({
        ...call,
        method: 'POST',
        path: ['v1', 'apps', app, 'deployments'],
        query: { branch },
        body: { type: 'application/x-tar', bytes },
      });
      const { deployment, release, url } = await outcomeOf(events, onLine);
      return { deployment, release, url };
    } catch (error) {
      // The source's own failure is the cause of what the connection then reports.
      throw source.failed ? source.error : error;
    }
  }
}

async function* watch(
  tar: AsyncIterable<Uint8Array>,
  source: { failed: boolean; error: unknown },
  onSent: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let sent = 0;
  try {
    for await (const chunk of tar) {
      yield chunk;
      sent += chunk.byteLength;
      onSent?.(sent);
    }
  } catch (error) {
    source.failed = true;
    source.error = error;
    throw error;
  }
}
