import type { Server } from 'node:net';
import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Egress, HostEvent, Refusal } from '../contract.ts';
import { run } from '../run.ts';
import { addressQuestion } from './dns/message.ts';
import { giveAddresses } from './dns/ruled.ts';
import { hostResolver, type Upstream } from './dns/upstream.ts';
import { Guest } from './egress/guest.ts';
import { Intercept, type RefusedPacket } from './egress/intercept.ts';
import { openInterceptor } from './egress/interceptor.ts';
import { openProxy } from './proxy.ts';
import { openResolver } from './resolver.ts';
import { gatewayRules, gatewayTable, hostRules } from './ruleset.ts';
import type { Slot } from './slot.ts';
import type { Divert } from './slots.ts';

/** The VM that a slot is given to. */
export interface Who {
  id: string;
  labels: Record<string, string>;
}

/** Where the gateway learns what a slot may reach. */
export interface EgressTable {
  /**
   * Says who is in a slot from now on, or changes what it may reach.
   *
   * @throws ThawError `invalid_input` that names a wrong rule; nothing has changed then
   */
  allow(slot: string, who: Who, egress: Egress): void;
  /** The VM is gone: whatever it has open is cut. */
  forget(slot: string): void;
}

/** The services that guests reach at their gateway, and what each slot may ask of them. */
export interface Gateway extends EgressTable, Divert, AsyncDisposable {}

export interface GatewayOptions {
  /** Put on the loopback interface; the services listen there. */
  address: string;
  /** Resolver to ask; default: the host's own. */
  resolver?: Upstream;
  /** Path of the program that opens sockets in slots. */
  intercept: string;
  publish(event: HostEvent): void;
  log: Log;
}

/** Loads the host's rules and opens the gateway's services. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { address, log } = options;
  await using stack = new AsyncDisposableStack();
  await run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await run(['nft', '-f', '-'], hostRules());
  await run(['ip', 'address', 'replace', `${address}/32`, 'dev', 'lo']);
  stack.defer(async () => void (await run(['ip', 'address', 'delete', `${address}/32`, 'dev', 'lo']).catch(() => {})));
  await run(['nft', '-f', '-'], gatewayRules(address));
  stack.defer(async () => void (await run(['nft', 'delete', 'table', 'ip', gatewayTable(address)]).catch(() => {})));
  const guests = new Map<string, Guest>();
  const listeners = new Map<number, { address: string; server: Server }>();
  const guestAt = (slot: string) => guests.get(slot);
  const upstream = options.resolver ?? (await hostResolver());
  const resolve = async (guest: Guest, name: string) =>
    (await giveAddresses(upstream, guest, addressQuestion(name))).addresses;
  const intercept = stack.use(
    new Intercept(options.intercept, log, (slot, packet) => {
      const at = listeners.get(slot)?.address;
      if (at !== undefined) guests.get(at)?.refuse(refusalOf(packet));
    }),
  );
  try {
    stack.use(await openProxy({ address, guestAt, resolve }));
    stack.use(await openResolver(address, upstream, guestAt));
  } catch (cause) {
    throw new ThawError('misconfigured', `The gateway of this server cannot listen on ${address}, ports 53 and 3128.`, {
      hint: 'A program that listens on every address has one of these ports, or another server has this address: use another THAW_DATA.',
      cause,
    });
  }
  stack.defer(() => {
    for (const guest of guests.values()) guest.end();
    for (const { server } of listeners.values()) server.close();
  });
  const services = stack.move();
  log.debug({ address }, 'gateway open');
  return {
    allow(slot, { id, labels }, egress) {
      const known = guests.get(slot);
      if (known?.vm === id) return known.change(egress);
      const publish = (refusal: Refusal) => options.publish({ kind: 'refused', vm: id, labels, ...refusal });
      const guest = new Guest(id, egress, publish);
      known?.end();
      guests.set(slot, guest);
    },
    forget(slot) {
      guests.get(slot)?.end();
      guests.delete(slot);
    },
    async open({ index, netns, address: slot }: Slot) {
      const handle = await intercept.open(index, netns);
      const server = await openInterceptor(handle, {
        from: address,
        guest: () => guests.get(slot),
        resolvesTo: async (guest, name, wanted) =>
          (await resolve(guest, name).catch((): number[] => [])).includes(wanted),
      });
      listeners.set(index, { address: slot, server });
    },
    close({ index }: Slot) {
      listeners.get(index)?.server.close();
      listeners.delete(index);
      intercept.close(index);
    },
    [Symbol.asyncDispose]: () => services.disposeAsync(),
  };
}

/** Numbers: IANA's protocol numbers. */
const PROTOCOLS: Record<number, Refusal['protocol']> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };

function refusalOf({ protocol, address, port }: RefusedPacket): Omit<Refusal, 'count'> {
  return { destination: address, port, protocol: PROTOCOLS[protocol] ?? 'any', reason: 'not_allowed' };
}
