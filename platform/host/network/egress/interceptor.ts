import { createServer, type Server, type Socket } from 'node:net';
import type { RefusalReason } from '../../contract.ts';
import { type FirstBytes, firstBytes } from './first-bytes.ts';
import type { Connection, Guest } from './guest.ts';
import { join, reset } from './join.ts';
import { addressNumber, isClosed } from './ranges.ts';

export interface InterceptorOptions {
  /** Address that the gateway's own connections come from, so that the host's rules know them. */
  from: string;
  /** The VM in the slot, if there is one. */
  guest(): Guest | undefined;
  /** Whether the resolver gives an address for a name now. */
  resolvesTo(guest: Guest, name: string, address: number): Promise<boolean>;
}

/**
 * Takes what a slot's rules divert: every TCP connection that its guest opens, still under the address that the guest
 * meant. It is joined when the address is allowed, or when its first bytes name a host that is allowed and that our own
 * resolver gave this address for. Anything else is reset.
 *
 * @param handle a listening socket inside the slot
 */
export async function openInterceptor(handle: unknown, options: InterceptorOptions): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    socket.on('error', () => {});
    const guest = options.guest();
    if (guest === undefined) reset(socket);
    else void take(guest, socket, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(handle, () => resolve());
  });
  return server;
}

async function take(guest: Guest, socket: Socket, options: InterceptorOptions): Promise<void> {
  const { localAddress: address = '', localPort: port = 0 } = socket;
  const number = addressNumber(address) ?? 0;
  const refuse = (name: string | null, reason: RefusalReason) => {
    guest.refuse({ destination: name ?? address, port, protocol: 'tcp', reason });
    reset(socket);
  };
  if (guest.isFull) return refuse(null, 'too_many');
  if (isClosed(number)) return refuse(null, 'closed_range');
  const { from } = options;
  const joinTo = (name: string | null, head: Buffer) =>
    join(guest, socket, {
      to: { name, address, port },
      from,
      head,
      mayGoOn: ({ policy }) => policy.allowsAddress(number, port) || (name !== null && policy.allowsName(name)),
    });
  if (guest.policy.allowsAddress(number, port)) return joinTo(null, Buffer.alloc(0));
  if (!guest.policy.hasNames) return refuse(null, 'not_allowed');
  const { name, bytes, isKnown } = await hear(guest, socket, (said) => options.resolvesTo(guest, said, number), number);
  if (socket.destroyed) return;
  if (name === null) return refuse(null, 'no_name');
  if (!guest.policy.allowsName(name)) return refuse(name, 'not_allowed');
  if (!isKnown) return refuse(name, 'other_address');
  joinTo(name, bytes);
}

/** Hears whom the guest wants, and whether the address is one of that name. It counts as a connection meanwhile. */
async function hear(
  guest: Guest,
  socket: Socket,
  resolves: (name: string) => Promise<boolean>,
  address: number,
): Promise<FirstBytes & { isKnown: boolean }> {
  const waiting: Connection = { mayGoOn: () => true, cut: () => reset(socket) };
  guest.connections.add(waiting);
  try {
    const first = await firstBytes(socket);
    const { name } = first;
    if (name === null || socket.destroyed || !guest.policy.allowsName(name)) return { ...first, isKnown: false };
    // A guest may hold an address that it was given before it was copied, or before this server began.
    return { ...first, isKnown: guest.given.has(name, address) || (await resolves(name)) };
  } finally {
    guest.connections.delete(waiting);
  }
}
