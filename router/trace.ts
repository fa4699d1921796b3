import { randomFillSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/*
 * W3C Trace Context: `traceparent` names the trace that a request belongs to.
 *
 *   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *   |  trace, 16 bytes                  parent, 8 bytes  flags
 *   version
 */

/** Versions after 00 may add more behind the flags. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=-|$)/;
const TRACEPARENT_LENGTH = 55;
const TRACE_AT = 3;
const TRACE_HEX = 32;
const PARENT_HEX = 16;
/**
 * Flag `sampled`. The edge takes no samples, so it would be 00 by the letter; but the samplers of apps follow their
 * parent as a rule, and 00 would switch off the traces of an app that records all that come without one.
 */
const FLAGS = '01';

/** The trace of one request. */
export interface Trace {
  /** 32 hex digits. */
  id: string;
  /** The `traceparent` that the edge made; undefined where the client's own is valid and goes on untouched. */
  made: string | undefined;
}

/** The trace that a request names; a new one when it names none, or not by the rules. */
export function traceOf(req: IncomingMessage, fresh: () => string): Trace {
  const given = req.headers.traceparent;
  if (typeof given === 'string' && isValid(given)) return { id: traceIn(given), made: undefined };
  const made = fresh();
  return { id: traceIn(made), made };
}

/** Bytes of randomness in a `traceparent`. */
const RANDOM_BYTES = (TRACE_HEX + PARENT_HEX) / 2;
/** Drawn for many at once: asking the system's generator for each took a tenth of a request's processor time. */
const pool = Buffer.alloc(RANDOM_BYTES * 128);
let drawn = pool.length;

/** A `traceparent` for a request that came without one. */
export function newTraceparent(): string {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  const random = pool.toString('hex', drawn, drawn + RANDOM_BYTES);
  drawn += RANDOM_BYTES;
  return `00-${random.slice(0, TRACE_HEX)}-${random.slice(TRACE_HEX)}-${FLAGS}`;
}

function isValid(given: string): boolean {
  return TRACEPARENT.test(given) && (given.length === TRACEPARENT_LENGTH || !given.startsWith('00'));
}

function traceIn(traceparent: string): string {
  return traceparent.slice(TRACE_AT, TRACE_AT + TRACE_HEX);
}
