/*
 * What of Postgres' protocol, version 3, the edge reads and writes itself. All numbers are big-endian; a length counts
 * itself and what follows. https://www.postgresql.org/docs/current/protocol-message-formats.html
 *
 *   first packets of a connection (they have no type):
 *   ┌───────────┬─────────────────────┬───────────────────────────────────────────────────────┐
 *   │ length u32│ 80877103            │ SSLRequest: `S` = TLS begins, then a startup packet    │
 *   │         8 │ 80877104            │ GSSENCRequest: `N` = no                               │
 *   │        16 │ 80877102            │ CancelRequest: pid u32, secret u32; no answer at all   │
 *   │   9..10000│ 3 << 16 | minor     │ StartupMessage: (name \0 value \0)* \0                 │
 *   └───────────┴─────────────────────┴───────────────────────────────────────────────────────┘
 *   A first byte of 22 is a TLS handshake without SSLRequest (`sslnegotiation=direct`).
 *
 *   all later messages, both ways:
 *   ┌─────────┬───────────┬──────────────────────┐
 *   │ type u8 │ length u32│ length - 4 bytes     │
 *   └─────────┴───────────┴──────────────────────┘
 *   from the server: Z ReadyForQuery (status u8: I idle, T in a transaction, E in a failed one), K BackendKeyData
 *   (pid u32, secret u32), C CommandComplete (tag \0), G CopyInResponse, E ErrorResponse ((field u8, text \0)* \0)
 *   from the client: Q Query, S Sync, F FunctionCall: each is answered by one Z; c CopyDone, f CopyFail
 */

export const SSL_REQUEST = 80_877_103;
export const GSS_REQUEST = 80_877_104;
export const CANCEL_REQUEST = 80_877_102;
/** First byte of a TLS handshake record. */
export const TLS_HANDSHAKE = 22;
/** The longest startup packet that Postgres itself takes (`MAX_STARTUP_PACKET_LENGTH`). */
export const STARTUP_MOST_BYTES = 10_000;
/** Bytes of a message's type and length. */
export const HEADER_BYTES = 5;

/** What a StartupMessage says. */
export interface Startup {
  /** `major << 16 | minor`. */
  version: number;
  parameters: Map<string, string>;
}

/** What a client is refused with. `sqlState` is of https://www.postgresql.org/docs/current/errcodes-appendix.html */
export interface Refusal {
  sqlState: string;
  message: string;
  hint?: string | undefined;
}

/** Reads what follows a StartupMessage's length. @returns undefined when it is malformed */
export function readStartup(packet: Buffer): Startup | undefined {
  const version = packet.readUInt32BE(0);
  const parameters = new Map<string, string>();
  let at = 4;
  const text = () => {
    const end = packet.indexOf(0, at);
    if (end < 0) return undefined;
    const found = packet.toString('utf8', at, end);
    at = end + 1;
    return found;
  };
  for (;;) {
    const name = text();
    if (name === undefined) return undefined;
    if (name === '') return at === packet.length ? { version, parameters } : undefined;
    const value = text();
    if (value === undefined) return undefined;
    parameters.set(name, value);
  }
}

/** A whole StartupMessage. */
export function writeStartup({ version, parameters }: Startup): Buffer {
  const body = Buffer.from(`${[...parameters].map(([name, value]) => `${name}\0${value}\0`).join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(version, 4);
  return Buffer.concat([head, body]);
}

/** An ErrorResponse that ends its session, as psql shows it: `FATAL:  message`, `HINT:  hint`. */
export function writeFatal({ sqlState, message, hint }: Refusal): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${sqlState}`, `M${message}`, ...(hint === undefined ? [] : [`H${hint}`])];
  const body = Buffer.from(`${fields.map((field) => field.replaceAll('\0', '')).join('\0')}\0\0`);
  const head = Buffer.alloc(HEADER_BYTES);
  head.write('E');
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

/** A whole CancelRequest for the session with this key. */
export function writeCancel(key: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + key.length, 0);
  head.writeUInt32BE(CANCEL_REQUEST, 4);
  return Buffer.concat([head, key]);
}
