import { ThawApiError } from './error.ts';
import { pieces } from './pieces.ts';

/** Longest event that is read, in characters; the server's own are far below. */
const LONGEST_EVENT = 1024 * 1024;

/** One server-sent event: its name, and its data as JSON. */
export interface ServerSentEvent {
  type: string;
  data: unknown;
}

/**
 * The events of a stream. Ending the iteration early cancels it.
 *
 * @throws ThawApiError `broken_answer` for an event that is no JSON or never ends
 */
export async function* readEvents(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  for await (const block of pieces(stream, '\n\n', LONGEST_EVENT, 'an event')) {
    const event = parse(block);
    if (event !== undefined) yield event;
  }
}

/** Undefined for a comment, which keeps a quiet connection alive. */
function parse(block: string): ServerSentEvent | undefined {
  let type = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) type = line.slice('event: '.length);
    else if (line.startsWith('data: ')) data.push(line.slice('data: '.length));
  }
  if (data.length === 0) return undefined;
  try {
    return { type, data: JSON.parse(data.join('\n')) };
  } catch (cause) {
    throw new ThawApiError('broken_answer', 'The server sent an event that is no JSON.', { cause });
  }
}
