import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PostgresEdgeParts } from './parts.ts';
import {
  CANCEL_REQUEST,
  GSS_REQUEST,
  type Refusal,
  readStartup,
  SSL_REQUEST,
  STARTUP_MOST_BYTES,
  type Startup,
  TLS_HANDSHAKE,
} from './protocol.ts';

/** What a connection was opened for. */
export type Greeting =
  | { kind: 'session'; socket: Socket; startup: Startup; serverName: string | undefined }
  /** The key that it names. */
  | { kind: 'cancel'; key: Buffer }
  | { kind: 'refused'; socket: Socket; refusal: Refusal }
  /** Nothing can be said to it, or it left. */
  | { kind: 'gone' };

/** Name of the protocol in a TLS handshake without SSLRequest. */
const ALPN = ['postgresql'];
/** The three kinds of first packet, each at most once. */
const MOST_PACKETS = 3;
const MAJOR = 3;

const malformed: Refusal = { sqlState: '08P01', message: 'The startup packet is malformed.' };

/** Reads the first packets of a connection, up to the one that says what it is for. It ends with the signal. */
export async function greet(
  first: Socket,
  certificate: PostgresEdgeParts['certificate'],
  signal: AbortSignal,
): Promise<Greeting> {
  let socket = first;
  let serverName: string | undefined;
  const begin = async (): Promise<boolean> => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: certificate(undefined),
      SNICallback: (name, done) => done(null, certificate(name)),
      ALPNProtocols: ALPN,
      requestCert: false,
    });
    secured.on('error', () => secured.destroy());
    secured.once('secure', () => resolve(true));
    secured.once('close', () => resolve(false));
    const secure = await promise;
    const { servername } = secured as { servername?: string | false };
    serverName = servername || undefined;
    socket = secured;
    return secure;
  };
  const leave = () => socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  try {
    for (let packets = 0; packets < MOST_PACKETS; packets += 1) {
      const kind = await read(socket, 1);
      if (kind === undefined) return { kind: 'gone' };
      socket.unshift(kind);
      if (kind[0] === TLS_HANDSHAKE) {
        if (socket instanceof TLSSocket || !(await begin())) return gone(socket);
        continue;
      }
      const head = await read(socket, 8);
      if (head === undefined) return { kind: 'gone' };
      const length = head.readUInt32BE(0);
      const code = head.readUInt32BE(4);
      if (code === SSL_REQUEST && length === 8) {
        if (socket instanceof TLSSocket) return { kind: 'refused', socket, refusal: malformed };
        // What comes in the clear after the request must not count as said under TLS (CVE-2021-23214).
        if (socket.readableLength > 0) return gone(socket);
        socket.write('S');
        if (!(await begin())) return gone(socket);
      } else if (code === GSS_REQUEST && length === 8) {
        socket.write('N');
      } else if (length < 9 || length > STARTUP_MOST_BYTES) {
        return { kind: 'refused', socket, refusal: malformed };
      } else {
        const rest = await read(socket, length - 8);
        if (rest === undefined) return { kind: 'gone' };
        if (code === CANCEL_REQUEST) {
          socket.end();
          return { kind: 'cancel', key: rest };
        }
        return opened(socket, Buffer.concat([head.subarray(4), rest]), serverName);
      }
    }
    return { kind: 'refused', socket, refusal: malformed };
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

function opened(socket: Socket, packet: Buffer, serverName: string | undefined): Greeting {
  const startup = readStartup(packet);
  if (startup === undefined) return { kind: 'refused', socket, refusal: malformed };
  if (startup.version >>> 16 !== MAJOR) {
    const message = `Version ${startup.version >>> 16} of the protocol is not spoken here, but ${MAJOR} is.`;
    return { kind: 'refused', socket, refusal: { sqlState: '0A000', message } };
  }
  return { kind: 'session', socket, startup, serverName };
}

function gone(socket: Socket): Greeting {
  socket.destroy();
  return { kind: 'gone' };
}

/** So many bytes, or nothing when the connection ends before. The socket is not flowing, before and after. */
async function read(socket: Socket, bytes: number): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = socket.read(bytes) as Buffer | null;
    if (chunk !== null && chunk.length === bytes) return chunk;
    if (chunk !== null || socket.readableEnded || socket.destroyed) return undefined;
    const waiting = new AbortController();
    const { signal } = waiting;
    try {
      await Promise.race([
        once(socket, 'readable', { signal }),
        once(socket, 'end', { signal }),
        once(socket, 'close', { signal }),
      ]);
    } catch {
      return undefined;
    } finally {
      waiting.abort();
    }
  }
}
