import { CLOSED_RANGES, DIVERT_PORT, GATEWAY, GATEWAY_PORTS, GUEST, type SlotKind } from './addresses.ts';

/** What the kernel tells of a slot's refused packets, at most; `intercept/refused.go` listens. */
const LOG = 'limit rate 20/second burst 40 packets log group 1';
/** Mark of packets that stay in the namespace, whatever their address, and the routing table that keeps them there. */
export const DIVERT = { mark: 1, table: 100 } as const;

/**
 * The rules inside a slot's namespace. In: whatever the host connects to reaches
 * the guest, from one address whatever the slot. Out: the gateway's own ports,
 * and for `public` slots the internet without the closed ranges. In `ruled` slots
 * every connection that the guest opens is diverted to a listener in the namespace,
 * which sees the address that was meant (tproxy); nothing else gets out, and what is
 * refused is logged. A TCP segment
 * of no known connection is answered with a reset, so that a socket copied from
 * a template fails at once; `nf_conntrack_tcp_loose=0` makes such segments invalid.
 *
 * @param slot the slot's own address
 * @param gateway address of the server's gateway services
 */
export function slotRules(kind: SlotKind, slot: string, gateway: string): string {
  const { dns, proxy, postgres } = GATEWAY_PORTS;
  const outward =
    kind === 'public'
      ? `ip daddr { ${CLOSED_RANGES.join(', ')} } reject with icmp type admin-prohibited
    accept`
      : `${kind === 'ruled' ? `${LOG}\n    ` : ''}reject with icmp type admin-prohibited`;
  return `table ip thaw
flush table ip thaw
table ip thaw {${kind === 'ruled' ? divertChain() : ''}
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "veth0" ip daddr ${slot} dnat to ${GUEST}
    iifname "tap0" ip daddr ${GATEWAY} udp dport ${dns} dnat to ${gateway}
    iifname "tap0" ip daddr ${GATEWAY} tcp dport { ${dns}, ${proxy}, ${postgres} } dnat to ${gateway}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "tap0" snat to ${GATEWAY}
    oifname "veth0" snat to ${slot}
  }
  chain input {
    type filter hook input priority filter; policy drop;
${kind === 'ruled' ? `    iifname "tap0" meta mark ${DIVERT.mark} accept\n` : ''}    iifname "tap0" ip protocol icmp accept
    iifname "tap0" meta l4proto tcp reject with tcp reset
    iifname "veth0" meta l4proto tcp reject with tcp reset${kind === 'ruled' ? `\n    iifname "tap0" ${LOG}` : ''}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "veth0" oifname "tap0" ct status dnat accept
    iifname "tap0" oifname "veth0" ip saddr ${GUEST} jump outward
  }
  chain outward {
    meta l4proto tcp ct state invalid reject with tcp reset
    ct state invalid drop
    ip daddr ${gateway} udp dport ${dns} accept
    ip daddr ${gateway} tcp dport { ${dns}, ${proxy}, ${postgres} } accept
    ${outward}
  }
}
`;
}

/** What the guest answers to connections from the host goes its way; what it opens itself, to any address, does not. */
function divertChain(): string {
  const { dns, proxy, postgres } = GATEWAY_PORTS;
  return `
  chain divert {
    type filter hook prerouting priority mangle;
    iifname "tap0" ct direction reply accept
    iifname "tap0" ip daddr ${GATEWAY} tcp dport { ${dns}, ${proxy}, ${postgres} } accept
    iifname "tap0" ip saddr ${GUEST} meta l4proto tcp tproxy to 127.0.0.1:${DIVERT_PORT} meta mark set ${DIVERT.mark} accept
  }`;
}

/**
 * What holds for the connections that one server's gateway makes for its guests: never to this host, by whatever address
 * of it, nor to a closed range. The second line of defence behind the gateway's own checks.
 *
 * @param gateway where these connections come from
 */
export function gatewayRules(gateway: string): string {
  const table = gatewayTable(gateway);
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain output {
    type filter hook output priority filter; policy accept;
    ip saddr ${gateway} ct state new jump guests
  }
  chain guests {
    fib daddr type != unicast reject with icmp type admin-prohibited
    ip daddr { ${CLOSED_RANGES.join(', ')} } reject with icmp type admin-prohibited
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${gateway} oifname != "lo" masquerade
  }
}
`;
}

export function gatewayTable(gateway: string): string {
  return `thaw_gateway_${gateway.replaceAll('.', '_')}`;
}

/**
 * The host's own rules, the second line of defence: a guest's packets reach the
 * gateway's ports, and from `public` slots the internet; never the host, another
 * guest or a closed range. Loading it again changes nothing.
 */
export function hostRules(): string {
  const { dns, proxy, postgres } = GATEWAY_PORTS;
  return `table ip thaw
flush table ip thaw
table ip thaw {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname { "thp*", "thc*" } jump guests
  }
  chain guests {
    ct state established,related accept
    ip daddr 10.201.0.0/16 udp dport ${dns} accept
    ip daddr 10.201.0.0/16 tcp dport { ${dns}, ${proxy}, ${postgres} } accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname { "thp*", "thc*" } oifname { "thp*", "thc*" } drop
    iifname "thc*" drop
    iifname "thp*" ip daddr { ${CLOSED_RANGES.join(', ')} } drop
    oifname { "thp*", "thc*" } ct state established,related accept
    oifname { "thp*", "thc*" } drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr 10.200.0.0/16 oifname != { "thp*", "thc*", "lo" } masquerade
  }
}
`;
}
