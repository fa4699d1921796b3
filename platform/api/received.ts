import type { Context } from 'hono';
import type { ApiEnv } from './environment.ts';
import { upload } from './upload.ts';

/** Hands a body on as it comes; what is not wanted of it is taken all the same, so that its sender hears why. */
export async function received(
  c: Context<ApiEnv>,
  take: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const { body } = c.req.raw;
  if (body === null || c.req.header('content-length') === '0') return take(nothing());
  const { source, drain } = upload(body, Number.POSITIVE_INFINITY);
  try {
    await take(source);
  } catch (error) {
    await drain();
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
