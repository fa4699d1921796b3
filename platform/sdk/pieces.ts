import { ThawApiError } from './error.ts';

/**
 * A stream as text, cut where `separator` stands; what follows the last one comes last. Ending the iteration early cancels
 * the stream.
 *
 * @param longest most characters of a piece
 * @param what a piece is called in the error
 * @throws ThawApiError `broken_answer` for a piece that is longer
 */
export async function* pieces(
  stream: ReadableStream<Uint8Array>,
  separator: string,
  longest: number,
  what: string,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const found = rest.split(separator);
      rest = found.pop() ?? '';
      yield* found;
      if (done) {
        yield rest;
        return;
      }
      if (rest.length > longest) throw new ThawApiError('broken_answer', `The server sent ${what} without end.`);
    }
  } finally {
    // Also after `return` and `throw` of the reader of these pieces: the connection is let go.
    await reader.cancel().catch(() => undefined);
  }
}
