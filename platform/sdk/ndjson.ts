import { ThawApiError } from './error.ts';
import { pieces } from './pieces.ts';

/** Longest line that is read, in characters; above the longest of the server, a result of code. */
const LONGEST_LINE = 36 * 1024 * 1024;

/**
 * The JSON values of a stream with one of them on each line. Empty lines, which
 * keep a quiet connection alive, are left out. Ending the iteration early
 * cancels the stream.
 *
 * @throws ThawApiError `broken_answer` for a line that is no JSON or never ends
 */
export async function* readNdjson<T>(stream: ReadableStream<Uint8Array>): AsyncGenerator<T, void, undefined> {
  for await (const line of pieces(stream, '\n', LONGEST_LINE, 'a line')) if (line.trim() !== '') yield parse<T>(line);
}

function parse<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (cause) {
    throw new ThawApiError('broken_answer', 'The server sent a line that is no JSON.', { cause });
  }
}
