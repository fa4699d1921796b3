import { connect, type Socket } from 'node:net';
import type { Connection, Guest } from './guest.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** Finds out that the other end of an idle connection is gone. */
const KEEPALIVE_MS = 60_000;

/** Where a guest's socket is joined to. */
export interface Joining {
  /** What the guest asked for; an address when there is no name. */
  to: { name: string | null; address: string; port: number };
  /** Address of this host that the connection comes from; absent: whatever the route says. */
  from?: string;
  /** What was read from the guest already, to be sent first. */
  head: Buffer;
  /** Called when the connection is there, before any byte passes. */
  connected?(): void;
  /** Called when it could not be made; default: the guest's socket is reset. */
  failed?(): void;
  mayGoOn: Connection['mayGoOn'];
}

/**
 * Connects to an address and joins the two byte by byte. Ends are passed on one way at a time; what breaks on one side
 * breaks on the other, so that nothing that was cut short looks whole.
 */
export function join(guest: Guest, socket: Socket, joining: Joining): void {
  const { to, from, head } = joining;
  if (guest.isGone) {
    reset(socket);
    return;
  }
  const upstream = connect({
    host: to.address,
    port: to.port,
    allowHalfOpen: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
    ...(from === undefined ? {} : { localAddress: from }),
  });
  let isJoined = false;
  const connection: Connection = {
    to,
    mayGoOn: joining.mayGoOn,
    cut() {
      for (const one of [socket, upstream]) reset(one);
    },
  };
  guest.connections.add(connection);
  const limit = setTimeout(() => upstream.destroy(), CONNECT_TIMEOUT_MS);
  upstream.once('connect', () => {
    clearTimeout(limit);
    isJoined = true;
    joining.connected?.();
    if (head.length > 0) upstream.write(head);
    socket.pipe(upstream);
    upstream.pipe(socket);
  });
  for (const one of [socket, upstream]) one.on('error', () => {}); // `close` follows
  socket.once('close', () => {
    if (!socket.readableEnded || socket.errored) reset(upstream);
    leave();
  });
  upstream.once('close', () => {
    clearTimeout(limit);
    if (!isJoined && joining.failed !== undefined && !socket.destroyed) joining.failed();
    else if (!upstream.readableEnded || upstream.errored) reset(socket);
    leave();
  });
  const leave = () => {
    if (socket.destroyed && upstream.destroyed) guest.connections.delete(connection);
  };
}

/** Ends a connection at once. One that is being made is only left. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
