import type { SandboxTemplate } from '../sandboxes/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

/** Templates that sandboxes are made from. */
export class Templates {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The built-in ones, then the project's own, newest first. */
  async list(options: CallOptions = {}): Promise<SandboxTemplate[]> {
    const answer = await this.#transport.json<{ templates: SandboxTemplate[] }>({
      ...options,
      path: ['v1', 'templates'],
    });
    return answer.templates;
  }

  /** Removes a version, `name:3`, or all of them; tells which. Sandboxes that were made from it stay. */
  async remove(
    name: string,
    { project, ...options }: CallOptions & { project?: string | undefined } = {},
  ): Promise<SandboxTemplate[]> {
    const answer = await this.#transport.json<{ removed: SandboxTemplate[] }>({
      ...options,
      method: 'DELETE',
      path: ['v1', 'templates', name],
      query: { project },
    });
    return answer.removed;
  }
}
