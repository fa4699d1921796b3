import { ThawError } from '../../errors.ts';

/*
 * A streamed body of the Connect protocol, envelope after envelope:
 *
 *   +-------+----------------+---------------------+
 *   | flags | length         | message, JSON       |
 *   | 1 B   | 4 B big-endian | `length` bytes      |
 *   +-------+----------------+---------------------+
 *
 * flags: 0 a message, 2 the end of the stream, whose message is {} or {"error":{"code","message"}}
 */
const HEADER_BYTES = 5;
const END = 2;
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface Envelope {
  last: boolean;
  /** Parsed JSON of whatever form the guest gave it. */
  message: unknown;
}

/** A message in its envelope. */
export function sealed(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const envelope = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(text));
  envelope[0] = 0;
  envelope.writeUInt32BE(envelope.length - HEADER_BYTES, 1);
  envelope.write(text, HEADER_BYTES);
  return envelope;
}

/** @throws ThawError `internal` when the stream is no such envelopes, `unavailable` when it ends before its last */
export async function* readEnvelopes(stream: AsyncIterable<Uint8Array>): AsyncIterable<Envelope> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < HEADER_BYTES) break;
      const flags = rest[0];
      const length = rest.readUInt32BE(1);
      if ((flags !== 0 && flags !== END) || length > MAX_MESSAGE_BYTES) throw notSpoken();
      if (rest.length < HEADER_BYTES + length) break;
      const message = parse(rest.toString('utf8', HEADER_BYTES, HEADER_BYTES + length));
      rest = rest.subarray(HEADER_BYTES + length);
      yield { last: flags === END, message };
      if (flags === END) return;
    }
  }
  throw new ThawError('unavailable', 'The VM ended in the middle of an answer.');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notSpoken();
  }
}

function notSpoken(): ThawError {
  return new ThawError('internal', 'The guest sent what its protocol does not know.');
}
