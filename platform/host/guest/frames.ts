import { ThawError } from '../../errors.ts';

/*
 * What the agent's exec answers with, frame after frame:
 *
 *   +------+----------------+---------------------+
 *   | kind | length         | payload             |
 *   | 1 B  | 4 B big-endian | `length` bytes      |
 *   +------+----------------+---------------------+
 *
 * kind: 1 stdout, 2 stderr, 3 exit (JSON), 4 the command could not be started (text)
 */
const KINDS = { 1: 'stdout', 2: 'stderr', 3: 'exit', 4: 'failed' } as const;
const HEADER_BYTES = 5;
const MAX_PAYLOAD_BYTES = 1024 * 1024;

export interface Frame {
  kind: (typeof KINDS)[keyof typeof KINDS];
  payload: Buffer;
}

/** @throws ThawError `internal` when the stream is no such frames or ends inside one */
export async function* readFrames(stream: AsyncIterable<Uint8Array>): AsyncIterable<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < HEADER_BYTES) break;
      const kind = KINDS[rest[0] as keyof typeof KINDS];
      const length = rest.readUInt32BE(1);
      if (kind === undefined || length > MAX_PAYLOAD_BYTES) throw new ThawError('internal', 'The guest sent no frame.');
      if (rest.length < HEADER_BYTES + length) break;
      yield { kind, payload: rest.subarray(HEADER_BYTES, HEADER_BYTES + length) };
      rest = rest.subarray(HEADER_BYTES + length);
    }
  }
  if (rest.length > 0) throw new ThawError('unavailable', 'The VM ended in the middle of an answer.');
}
