import type { Egress, Refusal } from '../../contract.ts';
import { Given } from './given.ts';
import { Policy } from './policy.ts';
import { Refusals } from './refusals.ts';

/** Connections of one guest through the gateway at once, those that have not said yet whom they want included. */
const MAX_CONNECTIONS = 512;
/** Ports that the host names of mode `hosts` may be reached at. */
const HOSTS_PORTS = new Set([80, 443]);
const NOTHING = new Policy([]);

/** A way out that a guest has open. */
export interface Connection {
  /** Absent while it is not known yet whom it is for. */
  to?: { name: string | null; address: string; port: number };
  /** Whether a policy that came later lets it go on. */
  mayGoOn(guest: Guest): boolean;
  /** Breaks it at once, with a reset. */
  cut(): void;
}

/** What the gateway knows of the VM in a slot. */
export class Guest {
  readonly vm: string;
  readonly given = new Given();
  readonly connections = new Set<Connection>();
  readonly #refusals: Refusals;
  #isGone = false;
  #egress: Egress;
  #policy: Policy;

  /** @throws ThawError `invalid_input` that names a wrong rule */
  constructor(vm: string, egress: Egress, publish: (refusal: Refusal) => void) {
    this.vm = vm;
    this.#egress = egress;
    this.#policy = policyOf(egress);
    this.#refusals = new Refusals(publish);
  }

  get egress(): Egress {
    return this.#egress;
  }

  /** What it may connect to by itself; with a mode that has no rules, nothing. */
  get policy(): Policy {
    return this.#policy;
  }

  /** True once the VM has ended: nothing is opened for it any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  get isFull(): boolean {
    return this.connections.size >= MAX_CONNECTIONS;
  }

  /** Whether the gateway's proxy may connect to a name for it. */
  mayAskProxyFor(name: string, port: number): boolean {
    if (this.#egress.mode === 'hosts') return HOSTS_PORTS.has(port) && this.#egress.hosts.includes(name);
    return this.#policy.allowsName(name);
  }

  /** Puts another policy in place, and cuts what it does not allow. */
  change(egress: Egress): void {
    this.#policy = policyOf(egress);
    this.#egress = egress;
    for (const connection of this.connections) {
      if (connection.mayGoOn(this)) continue;
      const { name = null, address = '', port = 0 } = connection.to ?? {};
      this.refuse({ destination: name ?? address, port, protocol: 'tcp', reason: 'policy_changed' });
      connection.cut();
    }
  }

  refuse(refusal: Omit<Refusal, 'count'>): void {
    this.#refusals.add(refusal);
  }

  /** Cuts everything; the VM is gone. */
  end(): void {
    this.#isGone = true;
    for (const connection of this.connections) connection.cut();
    this.#refusals.flush();
  }
}

function policyOf(egress: Egress): Policy {
  return egress.mode === 'rules' ? new Policy(egress.allow) : NOTHING;
}
