import type { Socket } from 'node:net';
import { serverName } from './client-hello.ts';
import { requestHost } from './http-host.ts';

/** How long a guest may take to say whom it wants. In protocols in which the server speaks first it never does. */
const WAIT_MS = 10_000;
/** More than any client hello or request header that a server takes. */
const MAX_BYTES = 32 << 10;
const TLS_RECORD = 22;

export interface FirstBytes {
  /** What was read, to be sent on. */
  bytes: Buffer;
  /** In lower case, without a dot at its end; null when what was read names nobody. */
  name: string | null;
}

/** Reads from a paused socket until it is known whom the guest wants, and pauses it again. */
export function firstBytes(socket: Socket): Promise<FirstBytes> {
  const { promise, resolve } = Promise.withResolvers<FirstBytes>();
  let bytes: Buffer = Buffer.alloc(0);
  const settle = (name: string | null) => {
    clearTimeout(limit);
    socket.pause();
    socket.off('data', read).off('end', give).off('close', give);
    resolve({ bytes, name: name?.toLowerCase().replace(/\.$/, '') ?? null });
  };
  const give = () => settle(null);
  const read = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    const name = bytes[0] === TLS_RECORD ? serverName(bytes) : requestHost(bytes);
    if (name !== undefined) settle(name);
    else if (bytes.length >= MAX_BYTES) settle(null);
  };
  const limit = setTimeout(give, WAIT_MS);
  socket.on('data', read).once('end', give).once('close', give);
  socket.resume();
  return promise;
}
