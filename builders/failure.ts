import { isAbort, ThawError, toThawError } from '../platform/errors.ts';
import { plainLine } from './plain-text.ts';

/** Lines of foreign output that a failure carries. */
const TAIL = 30;

/**
 * The error of code that cannot be deployed: the reason, then the last lines of what the code or its tools wrote.
 *
 * @param output lines as they came; cleaned here
 */
export function buildFailed(
  reason: string,
  output: string[] = [],
  details: { hint?: string; cause?: unknown } = {},
): ThawError {
  const tail = output
    .map(plainLine)
    .filter((line) => line.trim() !== '')
    .slice(-TAIL);
  return new ThawError('build_failed', [plainLine(reason), ...tail.map((line) => `  ${line}`)].join('\n'), details);
}

/** An error as lines for the person who deploys. Where the code's own words are, they are the best hint and come last. */
export function failureLines({ message, hint }: ThawError): string[] {
  const lines = message.split('\n');
  return hint === undefined || lines.length > 1 ? lines : [...lines, hint];
}

/**
 * What a failure inside a time limit was: the limit itself, the caller's cancellation, or itself.
 *
 * @param limit the signal of the time limit, in milliseconds
 */
export function outcomeOf(
  error: unknown,
  limit: { signal: AbortSignal; ms: number },
  caller: AbortSignal | undefined,
): ThawError {
  if (caller?.aborted) {
    return caller.reason instanceof ThawError
      ? caller.reason
      : new ThawError('cancelled', 'The deployment was cancelled.', { cause: caller.reason });
  }
  const own = error instanceof ThawError && error.code !== 'cancelled' ? error : undefined;
  if (limit.signal.aborted && (own === undefined || isAbort(own.cause))) {
    return buildFailed(`The build took longer than ${Math.round(limit.ms / 1000)} s.`, [], { cause: error });
  }
  return own ?? toThawError(error);
}
