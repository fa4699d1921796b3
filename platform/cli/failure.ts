import { inspect } from 'node:util';
import { ThawApiError } from '../sdk/index.ts';
import type { Connection } from './connection.ts';
import type { Environment } from './environment.ts';
import type { Output } from './output.ts';

/** The command did what it was asked, or looked and found something lacking, or could not. */
export const EXIT = { done: 0, failed: 1, misused: 2 } as const;

/**
 * Tells the user about a failure.
 *
 * @param connection the server that was asked, if it came to that
 * @returns the exit code
 */
export function tell(
  error: unknown,
  out: Output,
  environment: Environment,
  connection: Connection | undefined,
): number {
  if (!(error instanceof ThawApiError)) {
    const message = error instanceof Error ? error.message : String(error);
    out.failure({
      code: 'internal',
      message,
      hint: environment.debug ? undefined : 'THAW_DEBUG=1 shows where it failed.',
    });
    if (environment.debug) out.note(inspect(error));
    return EXIT.failed;
  }
  out.failure({ code: error.code, message: error.message, hint: hintFor(error, connection) });
  if (environment.debug) {
    if (error.requestId !== undefined) out.note(`request ${error.requestId}`);
    if (error.cause !== undefined) out.note(`caused by ${inspect(error.cause)}`);
  }
  // Refused before anything was sent: the command line or the environment is wrong.
  return error.code === 'invalid_input' && error.status === 0 ? EXIT.misused : EXIT.failed;
}

function hintFor(error: ThawApiError, connection: Connection | undefined): string | undefined {
  if (error.code === 'unreachable') {
    return 'Start the server with "npm start", or set THAW_URL to the address of one that runs.';
  }
  if (error.code === 'unauthenticated' && connection !== undefined) return connection.keyHint;
  if (error.code === 'internal' && error.requestId !== undefined) {
    return `The server's log has the details under request ${error.requestId}.`;
  }
  return error.hint;
}
