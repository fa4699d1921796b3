import type { Context } from 'hono';
import type { ApiEnv } from './environment.ts';
import { upload } from './upload.ts';

const binary = (type: string) => ({ [type]: { schema: { type: 'string' as const, format: 'binary' } } });

/** An answer of bytes, for a route's list of answers. As those of streams, open: only whole JSON answers can be checked. */
export function sends(description: string, type: string): { description: string; content?: Record<string, object> } {
  return { description, content: binary(type) };
}

/** Hands the body on as it comes; what is not wanted of it is taken all the same, so that its sender hears why. */
export async function received<T>(
  c: Context<ApiEnv>,
  take: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { body } = c.req.raw;
  if (body === null || c.req.header('content-length') === '0') return take(nothing());
  const { source, drain } = upload(body, Number.POSITIVE_INFINITY);
  try {
    return await take(source);
  } catch (error) {
    await drain();
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Answers with bytes as they come; the first ones are waited for, so that a failure has a status of its own. */
export async function streamed(
  c: Context<ApiEnv>,
  type: string,
  produce: (gone: AbortSignal) => AsyncIterable<Uint8Array>,
): Promise<Response> {
  const gone = new AbortController();
  const chunks = produce(gone.signal)[Symbol.asyncIterator]();
  let next: IteratorResult<Uint8Array> | undefined = await chunks.next();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        const { done, value } = next ?? (await chunks.next());
        next = undefined;
        if (done === true) stream.close();
        else stream.enqueue(value);
      },
      async cancel(reason) {
        gone.abort(reason);
        await Promise.resolve(chunks.return?.()).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  return c.body(body, 200, { 'content-type': type, 'cache-control': 'no-store' });
}
