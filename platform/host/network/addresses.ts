/*
 * Every slot is a /30 out of 10.200.0.0/16, so there are 16,384:
 *
 *   10.200.0.0 + 4n      network        10.200.0.0 + 4n + 1   host's end of the veth pair
 *   10.200.0.0 + 4n + 3  broadcast      10.200.0.0 + 4n + 2   the slot: reaches every port of the guest
 *
 * Behind the slot, the same in every VM because they are in the snapshot:
 *
 *   172.16.0.1  the gateway (tap)       172.16.0.2            the guest
 */

export const SLOT_COUNT = 16_384;
export const GUEST = '172.16.0.2';
export const GATEWAY = '172.16.0.1';
export const GUEST_MAC = '02:74:68:61:77:02';
export const GATEWAY_MAC = '02:74:68:61:77:01';

/** Ports at the gateway that a guest may use. */
export const GATEWAY_PORTS = { dns: 53, proxy: 3128, postgres: 5432 } as const;

/** Where the rules of a slot divert its guest's connections to, inside its namespace (`intercept/inside.go`). */
export const DIVERT_PORT = 3129;

/** What a guest cannot reach in any mode: private, shared, link-local, loopback, benchmark, multicast and reserved ranges. */
export const CLOSED_RANGES = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
];

const address = (second: number, offset: number) => `10.${second}.${(offset >> 8) & 255}.${offset & 255}`;

/** The host's end of slot `index`. */
export function hostAddress(index: number): string {
  return address(200, index * 4 + 1);
}

/** The address at which this host reaches slot `index`'s guest. */
export function slotAddress(index: number): string {
  return address(200, index * 4 + 2);
}

/** The address that a server's gateway services listen on; `serverId` is 8 hex digits. */
export function gatewayServiceAddress(serverId: string): string {
  const offset = Number.parseInt(serverId.slice(0, 4), 16);
  return address(201, offset);
}

export function netnsName(index: number): string {
  return `thaw-${index}`;
}

export function netnsPath(index: number): string {
  return `/run/netns/${netnsName(index)}`;
}

/** Slots come in three kinds, so that no rule has to be changed when one is used. */
export const SLOT_KINDS = ['public', 'closed', 'ruled'] as const;

/** `ruled`: what the guest connects to is decided by the gateway, connection by connection. */
export type SlotKind = (typeof SLOT_KINDS)[number];

/** The host's end of the veth pair; the firewall knows by its name whether its packets may leave the host. */
export function linkName(kind: SlotKind, index: number): string {
  return `${kind === 'public' ? 'thp' : 'thc'}${index}`;
}
