/** What a VM may reach. Private ranges, other guests, the host and the metadata address are closed in every mode. */
export type Egress =
  | { mode: 'none' }
  /** The public internet. */
  | { mode: 'public' }
  /**
   * Only these host names, through the gateway's HTTP CONNECT proxy (`EGRESS_PROXY_URL` in guests). `operator`: the names
   * are the operator's own choice and may lie in the operator's own network.
   */
  | { mode: 'hosts'; hosts: string[]; operator?: true }
  /** What the rules name, over TCP, decided for each connection; can be changed while the VM runs. No rules: nothing. */
  | { mode: 'rules'; allow: EgressRule[] };

/**
 * - `example.com`: this name; `*.example.com`: every name below it, not itself. Such a connection has to say its name (TLS,
 *   HTTP) and to go to an address that the gateway's resolver gave for it.
 * - `198.51.100.0/24`, `198.51.100.7`, `198.51.100.7:22`: IPv4 addresses, on every port or on one, whatever is spoken there.
 * - `registries`, `github`: names of package registries, of GitHub. `open`: every public address.
 */
export type EgressRule = string;

/** Why a VM was refused a connection. */
export type RefusalReason =
  /** No rule names it. */
  | 'not_allowed'
  /** It is, or its name leads to, an address that is closed in every mode. */
  | 'closed_range'
  /** No rule names its address, and it did not say a name: neither TLS nor HTTP, or nothing for ten seconds. */
  | 'no_name'
  /** The name is allowed, but the address is not one that the resolver gives for it. */
  | 'other_address'
  /** Too many connections of this VM are open. */
  | 'too_many'
  /** It was open, and the policy that was put in place does not allow it. */
  | 'policy_changed'
  /** Stands for refusals past the number that is told singly; the destination is `*`. */
  | 'not_told_singly';

export interface Refusal {
  /** Name, where one was said, else address. */
  destination: string;
  /** 0 where the protocol has none. */
  port: number;
  protocol: 'tcp' | 'udp' | 'icmp' | 'dns' | 'any';
  reason: RefusalReason;
  /** How many of the kind this stands for, since the last that was told. */
  count: number;
}
