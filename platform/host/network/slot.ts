import { run } from '../run.ts';
import {
  GATEWAY,
  GATEWAY_MAC,
  GUEST,
  GUEST_MAC,
  hostAddress,
  linkName,
  netnsName,
  netnsPath,
  type SlotKind,
  slotAddress,
} from './addresses.ts';
import { DIVERT, slotRules } from './ruleset.ts';

/** A ready network namespace with its tap. */
export interface Slot {
  index: number;
  kind: SlotKind;
  /** Reaches every port of the guest from this host. */
  address: string;
  netns: string;
  tap: string;
}

export const TAP = 'tap0';

export function slotAt(kind: SlotKind, index: number): Slot {
  return { index, kind, address: slotAddress(index), netns: netnsPath(index), tap: TAP };
}

/** Makes the namespace, the veth pair, the tap and the rules of slot `index`. */
export async function createSlot(kind: SlotKind, index: number, gateway: string): Promise<Slot> {
  const netns = netnsName(index);
  const link = linkName(kind, index);
  await run(
    ['ip', '-batch', '-'],
    [
      `netns add ${netns}`,
      `link add ${link} type veth peer name veth0 netns ${netns}`,
      `addr add ${hostAddress(index)}/30 dev ${link}`,
      `link set ${link} up`,
    ].join('\n'),
  );
  await run(
    ['ip', '-n', netns, '-batch', '-'],
    [
      'link set lo up',
      `addr add ${slotAddress(index)}/30 dev veth0`,
      'link set veth0 up',
      `route add default via ${hostAddress(index)}`,
      `tuntap add ${TAP} mode tap vnet_hdr`,
      `link set ${TAP} address ${GATEWAY_MAC}`,
      `addr add ${GATEWAY}/30 dev ${TAP}`,
      `link set ${TAP} up`,
      `neigh add ${GUEST} lladdr ${GUEST_MAC} dev ${TAP} nud permanent`,
      ...(kind === 'ruled'
        ? [
            `rule add fwmark ${DIVERT.mark} lookup ${DIVERT.table}`,
            `route add local default dev lo table ${DIVERT.table}`,
          ]
        : []),
    ].join('\n'),
  );
  // One shell inside the namespace: its settings live under /proc/sys, which only a process in it can write.
  const settings = [
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose',
    'if [ -e /proc/sys/net/ipv6/conf/all/disable_ipv6 ]; then echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; fi',
    'exec nft -f -',
  ].join('; ');
  await run(
    ['nsenter', `--net=${netnsPath(index)}`, 'sh', '-ec', settings],
    slotRules(kind, slotAddress(index), gateway),
  );
  return slotAt(kind, index);
}

/** Removes a slot's namespace and with it its links. Removing one that is gone is no error. */
export async function removeSlot(kind: SlotKind, index: number): Promise<void> {
  // The pair first: a namespace goes in the kernel's own time, and its name must be free at once.
  await run(['ip', 'link', 'delete', linkName(kind, index)]).catch(() => {});
  await run(['ip', 'netns', 'delete', netnsName(index)]).catch(() => {});
}
