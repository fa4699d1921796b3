import { ThawError } from '../errors.ts';

/**
 * The bytes of a request's body, as they come.
 *
 * @throws ThawError `too_large` past `maxBytes`, `cancelled` when the client stops in the middle
 */
export async function* upload(body: ReadableStream<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) return;
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        throw new ThawError('too_large', `The upload is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB.`, {
          hint: 'Leave out what is built or installed; the operator can raise THAW_MAX_SOURCE_MB.',
        });
      }
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new ThawError('cancelled', 'The upload broke off.', { cause });
  }
}
