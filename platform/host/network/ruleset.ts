import { CLOSED_RANGES, GATEWAY, GATEWAY_PORTS, GUEST, type SlotKind } from './addresses.ts';

/**
 * The rules inside a slot's namespace. In: whatever the host connects to reaches
 * the guest, from one address whatever the slot. Out: the gateway's own ports,
 * and for `public` slots the internet without the closed ranges. A TCP segment
 * of no known connection is answered with a reset, so that a socket copied from
 * a template fails at once; `nf_conntrack_tcp_loose=0` makes such segments invalid.
 *
 * @param slot the slot's own address
 * @param gateway address of the server's gateway services
 */
export function slotRules(kind: SlotKind, slot: string, gateway: string): string {
  const { dns, proxy } = GATEWAY_PORTS;
  const outward =
    kind === 'public'
      ? `ip daddr { ${CLOSED_RANGES.join(', ')} } reject with icmp type admin-prohibited
    accept`
      : 'reject with icmp type admin-prohibited';
  return `table ip thaw
flush table ip thaw
table ip thaw {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "veth0" ip daddr ${slot} dnat to ${GUEST}
    iifname "tap0" ip daddr ${GATEWAY} udp dport ${dns} dnat to ${gateway}
    iifname "tap0" ip daddr ${GATEWAY} tcp dport { ${dns}, ${proxy} } dnat to ${gateway}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "tap0" snat to ${GATEWAY}
    oifname "veth0" snat to ${slot}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "tap0" ip protocol icmp accept
    iifname "tap0" meta l4proto tcp reject with tcp reset
    iifname "veth0" meta l4proto tcp reject with tcp reset
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
    ip daddr ${gateway} tcp dport { ${dns}, ${proxy} } accept
    ${outward}
  }
}
`;
}

/**
 * The host's own rules, the second line of defence: a guest's packets reach the
 * gateway's ports, and from `public` slots the internet; never the host, another
 * guest or a closed range. Loading it again changes nothing.
 */
export function hostRules(): string {
  const { dns, proxy } = GATEWAY_PORTS;
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
    ip daddr 10.201.0.0/16 tcp dport { ${dns}, ${proxy} } accept
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
