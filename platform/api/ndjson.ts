import type { Context } from 'hono';
import { type ThawError, toThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ApiEnv } from './environment.ts';
import { logError } from './error-answer.ts';

export interface NdjsonOptions<Value> {
  log: Log;
  /** Fires when the server closes. */
  closing: AbortSignal | undefined;
  /** Makes the values; is told to stop when the client goes or the server closes. */
  produce(signal: AbortSignal): AsyncIterable<Value>;
  /** The last line of a stream that broke off: the status has been sent long before. */
  failed(error: ThawError): unknown;
}

/** Answers with one JSON value a line, each sent as it comes and no faster than the client reads. */
export function ndjson<Value>(c: Context<ApiEnv>, options: NdjsonOptions<Value>): Response {
  const gone = new AbortController();
  const signals = [c.req.raw.signal, gone.signal, options.closing];
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  const values = options.produce(signal)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const line = (value: unknown) => encoder.encode(`${JSON.stringify(value)}\n`);

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        try {
          const { done, value } = await values.next();
          if (done === true) stream.close();
          else stream.enqueue(line(value));
        } catch (cause) {
          // Nobody reads any more.
          if (gone.signal.aborted || c.req.raw.signal.aborted) return;
          const error = toThawError(cause);
          logError(options.log, error, c);
          stream.enqueue(line(options.failed(error)));
          stream.close();
        }
      },
      async cancel(reason) {
        gone.abort(reason);
        await values.return?.();
      },
    },
    // Nothing is produced ahead of the reader.
    { highWaterMark: 0 },
  );
  return c.body(body, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
}
