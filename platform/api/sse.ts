import type { Context } from 'hono';
import { toThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ApiEnv } from './environment.ts';
import { logError } from './error-answer.ts';
import { unlessQuiet } from './quiet.ts';

/**
 * Answers with server-sent events, one for each value, named by its `type`, and comments while there is none. The last one is `error` when it breaks off.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function serverSentEvents<Value extends { type: string }>(
  c: Context<ApiEnv>,
  options: {
    log: Log;
    /** Fires when the server closes. */
    closing: AbortSignal | undefined;
    produce(signal: AbortSignal): AsyncIterable<Value>;
  },
): Response {
  const gone = new AbortController();
  const signals = [c.req.raw.signal, gone.signal, options.closing];
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  const values = options.produce(signal)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const text = (type: string, data: unknown) => encoder.encode(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  let coming: Promise<IteratorResult<Value>> | undefined = values.next();
  coming.catch(() => {});
  let begun = false;

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        // The head leaves with it: a listener knows that it listens.
        if (!begun) {
          begun = true;
          return stream.enqueue(encoder.encode(': listening\n\n'));
        }
        try {
          coming ??= values.next();
          const next = await unlessQuiet(coming);
          if (next === undefined) return stream.enqueue(encoder.encode(': quiet\n\n'));
          coming = undefined;
          if (next.done !== true) return stream.enqueue(text(next.value.type, next.value));
        } catch (cause) {
          if (signal.aborted) return stream.close();
          const error = toThawError(cause);
          logError(options.log, error, c);
          stream.enqueue(text('error', error.toBody()));
        }
        stream.close();
      },
      cancel(reason) {
        gone.abort(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return c.body(body, 200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
}
