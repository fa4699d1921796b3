import type { AuditEntry } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { AuditEntry } from '../control/contract.ts';

/** Who did what with which key. */
export class AuditLog {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first; needs the scope `manage`. */
  async list({ limit, ...options }: CallOptions & { limit?: number | undefined } = {}): Promise<AuditEntry[]> {
    const answer = await this.#transport.json<{ entries: AuditEntry[] }>({
      ...options,
      path: ['v1', 'audit'],
      query: { limit },
    });
    return answer.entries;
  }
}
