import type { SandboxEvent, SandboxState } from '../sandboxes/contract.ts';
import { errorFromBody } from './error.ts';
import type { CreateOptions, SandboxInfo } from './sandbox-types.ts';
import type { CallOptions, Transport } from './transport.ts';

/** A size that was never asked for is booted first. */
const CREATE_LIMIT_MS = 180_000;

/** Which sandboxes are wanted; what is absent does not matter. */
export interface ListOptions extends CallOptions {
  state?: SandboxState | undefined;
  /** All of these have to be there. */
  metadata?: Record<string, string> | undefined;
  /** Most that are told, the newest; default 100. */
  limit?: number | undefined;
}

/** Sandboxes: make, find, list. */
export class Sandboxes<Handle> {
  readonly #transport: Transport;
  readonly #handle: (info: SandboxInfo) => Handle;

  /** @param handle makes of what is told of a sandbox the thing to use it by */
  constructor(transport: Transport, handle: (info: SandboxInfo) => Handle) {
    this.#transport = transport;
    this.#handle = handle;
  }

  async create({ signal, ...request }: CreateOptions = {}): Promise<Handle> {
    const path = ['v1', 'sandboxes'];
    const call = { signal, method: 'POST', path, json: request, timeoutMs: CREATE_LIMIT_MS } as const;
    return this.#handle(await this.#transport.json(call));
  }

  async get(id: string, options: CallOptions = {}): Promise<Handle> {
    return this.#handle(await this.#transport.json({ ...options, path: ['v1', 'sandboxes', id] }));
  }

  /** Those that the key may see, newest first; those that are over for a while. */
  async list({ state, metadata, limit, ...call }: ListOptions = {}): Promise<Handle[]> {
    const wanted = Object.entries(metadata ?? {}).map(([name, value]) => `${name}=${value}`);
    const { sandboxes } = await this.#transport.json<{ sandboxes: SandboxInfo[] }>({
      ...call,
      path: ['v1', 'sandboxes'],
      query: { state, limit, metadata: wanted },
    });
    return sandboxes.map(this.#handle);
  }

  /** What becomes of all that the key may see, from now on. */
  async *events(options: CallOptions = {}): AsyncGenerator<SandboxEvent, void, undefined> {
    for await (const { type, data } of this.#transport.events({ ...options, path: ['v1', 'events'] })) {
      if (type === 'error') throw errorFromBody(data, 200, undefined);
      yield data as SandboxEvent;
    }
  }
}
