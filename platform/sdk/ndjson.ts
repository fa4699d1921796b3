import { ThawApiError } from './error.ts';

/** Longest line that is read, in characters; the server's own limits are far below. */
const LONGEST_LINE = 4 * 1024 * 1024;

/**
 * The JSON values of a stream with one of them on each line. Empty lines, which
 * keep a quiet connection alive, are left out. Ending the iteration early
 * cancels the stream.
 *
 * @throws ThawApiError `broken_answer` for a line that is no JSON or never ends
 */
export async function* readNdjson<T>(stream: ReadableStream<Uint8Array>): AsyncGenerator<T, void, undefined> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split('\n');
      rest = done ? '' : (lines.pop() ?? '');
      for (const line of lines) {
        if (line.trim() !== '') yield parse<T>(line);
      }
      if (done) return;
      if (rest.length > LONGEST_LINE) throw new ThawApiError('broken_answer', 'The server sent a line without end.');
    }
  } finally {
    // Also after `return` and `throw` of the reader of these values: the connection is let go.
    await reader.cancel().catch(() => undefined);
  }
}

function parse<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (cause) {
    throw new ThawApiError('broken_answer', 'The server sent a line that is no JSON.', { cause });
  }
}
