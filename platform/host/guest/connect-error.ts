import { z } from 'zod';
import { type ErrorCode, ThawError } from '../../errors.ts';

/** What the agent's codes mean to a caller; https://connectrpc.com/docs/protocol#error-codes. */
const CODES: Record<string, ErrorCode> = {
  invalid_argument: 'invalid_input',
  unauthenticated: 'invalid_input',
  not_found: 'not_found',
  already_exists: 'conflict',
  permission_denied: 'forbidden',
  failed_precondition: 'unprocessable',
  resource_exhausted: 'too_large',
  data_loss: 'unavailable',
  deadline_exceeded: 'timed_out',
};
/** An error of the Connect protocol, as it stands alone or at the end of a stream. */
export const connectErrorShape = z.object({ code: z.string().max(40), message: z.string().max(2000) });

/** An error in the agent's words, or undefined for what is none of its protocol. */
export function connectError(body: unknown): ThawError | undefined {
  const { success, data } = connectErrorShape.safeParse(body);
  return success ? new ThawError(CODES[data.code] ?? 'unprocessable', sentence(data.message)) : undefined;
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
