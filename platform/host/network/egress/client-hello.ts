/*
 * What begins a TLS connection (RFC 8446, 4.1.2 and 5.1; RFC 6066, 3):
 *
 *   record     22, version (2), length (2), part of a handshake message
 *   handshake  1 (client hello), length (3), version (2), random (32), session id (1+), cipher suites (2+),
 *              compression (1+), extensions (2+): type (2), length (2), data
 *   extension  0 (server name): length (2), then 0 (host name), length (2), name
 */
const RECORD_HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;

/** The server name that a TLS client says it wants: undefined while bytes are missing, null when there is none. */
export function serverName(bytes: Buffer): string | null | undefined {
  const hello = handshake(bytes);
  if (!hello) return hello;
  try {
    return nameIn(hello);
  } catch {
    return null; // lengths that lead out of the message
  }
}

/** The body of the client hello, put together from its records. */
function handshake(bytes: Buffer): Buffer | null | undefined {
  const parts: Buffer[] = [];
  let have = 0;
  for (let at = 0; ; ) {
    if (bytes.length < at + 5) return undefined;
    if (bytes[at] !== RECORD_HANDSHAKE) return null;
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, end));
    have += parts.at(-1)?.length ?? 0;
    if (have >= 4) {
      const message = Buffer.concat(parts);
      if (message[0] !== CLIENT_HELLO) return null;
      const length = 4 + message.readUIntBE(1, 3);
      if (message.length >= length) return message.subarray(4, length);
    }
    if (bytes.length < end) return undefined;
    at = end;
  }
}

/** @throws RangeError when a length leads out of the message */
function nameIn(hello: Buffer): string | null {
  let at = 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  if (at === hello.length) return null;
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    if (type === SERVER_NAME) {
      if (hello.readUInt8(at + 6) !== 0) return null;
      const from = at + 9;
      const to = from + hello.readUInt16BE(at + 7);
      return to <= at + 4 + length && to <= hello.length ? hello.toString('latin1', from, to) : null;
    }
    at += 4 + length;
  }
  return null;
}
