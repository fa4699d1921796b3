import type { Context } from 'hono';
import { type ThawError, toThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ApiEnv } from './environment.ts';
import { logError } from './error-answer.ts';
import { QUIET_MS, unlessQuiet } from './quiet.ts';

export interface NdjsonOptions<Value> {
  log: Log;
  /** Fires when the server closes. */
  closing: AbortSignal | undefined;
  /** Makes the values; is told to stop when the client goes or the server closes. */
  produce(signal: AbortSignal): AsyncIterable<Value>;
  /** The last line of a stream that broke off: the status has been sent long before. */
  failed(error: ThawError): unknown;
  /** Milliseconds without a value after which an empty line is sent; default 20 s. */
  quietMs?: number;
  /** What has to happen between the last line and the end of the answer. */
  beforeEnd?(): Promise<void>;
}

/** Answers with one JSON value a line, each sent as it comes and no faster than the client reads; empty lines mean nothing. */
export function ndjson<Value>(c: Context<ApiEnv>, options: NdjsonOptions<Value>): Response {
  const gone = new AbortController();
  const signals = [c.req.raw.signal, gone.signal, options.closing];
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  const values = options.produce(signal)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const line = (value: unknown) => encoder.encode(`${JSON.stringify(value)}\n`);
  /** The next value, while it is waited for. */
  let coming: Promise<IteratorResult<Value>> | undefined;

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        try {
          coming ??= values.next();
          const next = await unlessQuiet(coming, options.quietMs ?? QUIET_MS);
          if (next === undefined) return stream.enqueue(encoder.encode('\n'));
          coming = undefined;
          if (next.done !== true) return stream.enqueue(line(next.value));
        } catch (cause) {
          // Nobody reads any more.
          if (gone.signal.aborted || c.req.raw.signal.aborted) return;
          const error = toThawError(cause);
          logError(options.log, error, c);
          stream.enqueue(line(options.failed(error)));
        }
        await options.beforeEnd?.();
        if (!gone.signal.aborted) stream.close();
      },
      async cancel(reason) {
        gone.abort(reason);
        await Promise.resolve(values.return?.()).catch((cause: unknown) =>
          logError(options.log, toThawError(cause), c),
        );
      },
    },
    // Nothing is produced ahead of the reader.
    { highWaterMark: 0 },
  );
  return c.body(body, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
}
