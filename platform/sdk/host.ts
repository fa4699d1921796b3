import type { Finding, HostFacts } from '../host/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { Finding, HostFacts } from '../host/contract.ts';

/** The machine that runs the VMs. */
export class HostInfo {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What the machine is, and what its examination found. */
  async get(options: CallOptions = {}): Promise<{ facts: HostFacts; findings: Finding[] }> {
    return await this.#transport.json({ ...options, path: ['v1', 'host'] });
  }
}
