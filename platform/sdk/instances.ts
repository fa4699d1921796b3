import type { CallOptions, Transport } from './transport.ts';

/** A VM that was thawed for a deployment and is running now. */
export interface Instance {
  id: string;
  app: string;
  deployment: string;
  /** Where the host reaches it; told to admin keys alone. */
  address?: string | undefined;
  /** ISO 8601. */
  startedAt: string;
  state: 'running' | 'asleep';
  /** Requests in flight. */
  requests: number;
  /** Where the time of the thaw went, in milliseconds, in order. */
  phases: Record<string, number>;
}

/** Instances: what is awake. */
export class Instances {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What runs now, of one app or of all that the key may see. */
  async list(options: CallOptions & { app?: string | undefined } = {}): Promise<Instance[]> {
    const { app, ...call } = options;
    const answer = await this.#transport.json<{ instances: Instance[] }>({
      ...call,
      path: ['v1', 'instances'],
      query: { app },
    });
    return answer.instances;
  }
}
