import type { ErrorCode } from '../errors.ts';

/**
 * What went wrong: a code of the server, or one that only a client can know:
 * `unreachable` (nobody answered, or the connection broke) and `broken_answer`
 * (what answered does not speak Thaw's API).
 */
export type ThawErrorCode = ErrorCode | 'unreachable' | 'broken_answer';

export interface ThawApiErrorDetails {
  hint?: string | undefined;
  /** HTTP status of the answer; 0 when there was none. */
  status?: number | undefined;
  requestId?: string | undefined;
  cause?: unknown;
}

/** Every failure of a call, besides the abort of the caller's own signal: that rejects with the signal's reason. */
export class ThawApiError extends Error {
  readonly code: ThawErrorCode;
  /** What to do next, as one sentence. */
  readonly hint: string | undefined;
  /** HTTP status of the answer; 0 when there was none, 200 when a stream that had begun well reported the failure. */
  readonly status: number;
  /** Names the call in the server's log. */
  readonly requestId: string | undefined;

  constructor(code: ThawErrorCode, message: string, details: ThawApiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ThawApiError';
    this.code = code;
    this.hint = details.hint;
    this.status = details.status ?? 0;
    this.requestId = details.requestId;
  }
}

/**
 * The error that an answer's body tells of. A body that is not the API's
 * `{"error":{...}}` (a proxy's page, another server) becomes `broken_answer`.
 */
export function errorFromBody(body: unknown, status: number, requestId: string | undefined): ThawApiError {
  const told = typeof body === 'object' && body !== null ? (body as { error?: unknown }).error : undefined;
  if (typeof told === 'object' && told !== null) {
    const { code, message, hint } = told as { code?: unknown; message?: unknown; hint?: unknown };
    if (typeof code === 'string' && typeof message === 'string') {
      return new ThawApiError(code as ErrorCode, message, {
        hint: typeof hint === 'string' ? hint : undefined,
        status,
        requestId,
      });
    }
  }
  return new ThawApiError('broken_answer', `The server answered ${status} without saying why.`, {
    hint: 'Check that the address is that of a Thaw server, not of something in front of it.',
    status,
    requestId,
  });
}
