import { errorFromBody, ThawApiError } from './error.ts';

/** One value of an answer that tells its progress: lines, then one outcome. */
export type ProgressEvent<Done> =
  | { type: 'line'; text: string }
  | ({ type: 'done' } & Done)
  | { type: 'failed'; error: { code: string; message: string; hint?: string } };

/**
 * Reads such an answer to its outcome.
 *
 * @param onLine called with each line of progress
 * @throws ThawApiError what the server says went wrong; `broken_answer` when the answer ends without an outcome
 */
export async function outcomeOf<Done>(
  events: AsyncIterable<ProgressEvent<Done>>,
  onLine: ((text: string) => void) | undefined,
): Promise<Done> {
  for await (const event of events) {
    if (event.type === 'line') onLine?.(event.text);
    else if (event.type === 'failed') throw errorFromBody(event, 200, undefined);
    else if (event.type === 'done') return event;
  }
  throw new ThawApiError('broken_answer', 'The server ended the deployment without saying how it went.', {
    hint: 'It may have been stopped: look at the deployments of the app, then try again.',
    status: 200,
  });
}
