import { ThawError } from '../errors.ts';

/** How long and how much of an upload that is no longer wanted is still taken, so that its sender hears the answer. */
const DRAIN_MS = 10_000;
const DRAIN_BYTES = 256 * 1024 * 1024;

export interface Upload {
  /**
   * The bytes as they come. Read once.
   *
   * @throws ThawError `too_large` past the limit, `cancelled` when the client stops in the middle
   */
  source: AsyncIterable<Uint8Array>;
  /**
   * Takes what was not read, and drops it. A connection that is closed over bytes not yet read is reset, and the
   * answer is lost with it (RFC 9112, section 9.6).
   */
  drain(): Promise<void>;
}

/** The body of a request, of which at most `maxBytes` are wanted. */
export function upload(body: ReadableStream<Uint8Array>, maxBytes: number): Upload {
  const reader = body.getReader();

  async function* source(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
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
  }

  async function drain(): Promise<void> {
    const enough = setTimeout(() => reader.cancel().catch(() => {}), DRAIN_MS);
    try {
      for (let bytes = 0; bytes < DRAIN_BYTES; ) {
        const { done, value } = await reader.read();
        if (done) return;
        bytes += value.byteLength;
      }
      await reader.cancel();
    } catch {
      // The client is gone: there is nobody left to hear the answer.
    } finally {
      clearTimeout(enough);
    }
  }

  return { source: source(), drain };
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new ThawError('cancelled', 'The upload broke off.', { cause });
  }
}
