/** Every code Thaw can answer with, and the HTTP status that goes with it. */
export const ERROR_STATUS = {
  // What the caller sent is wrong.
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unprocessable: 422,
  // The code that was deployed is wrong.
  build_failed: 422,
  app_crashed: 502,
  // A limit of the project is reached.
  quota_exceeded: 429,
  // The machine cannot do it now.
  no_room: 503,
  unavailable: 503,
  timed_out: 504,
  template_stale: 503,
  thaw_failed: 503,
  // The machine is not set up for it.
  misconfigured: 500,
  cancelled: 499,
  internal: 500,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** A project's limit, as the header `x-thaw-limit` names it. */
export type LimitName =
  | 'requests-per-second'
  | 'instances'
  | 'apps'
  | 'memory'
  | 'cpus'
  | 'build-minutes'
  | 'disk'
  | 'volumes'
  | 'databases';

export interface ErrorDetails {
  /** What the reader can do next, as one sentence. */
  hint?: string;
  /** The limit of the project that stood in the way. */
  limit?: LimitName;
  /** When to try again, in milliseconds from now. */
  retryAfterMs?: number;
  /** The lower-level error; kept for the log, never shown to a client. */
  cause?: unknown;
}

/** What a client reads: no stack, no cause. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; hint?: string };
}

/**
 * The one error class. `message` says what happened and why, `hint` what to do
 * next; both are meant for the person who asked. `cause` is for the log alone.
 */
export class ThawError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly limit: LimitName | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ThawError';
    this.code = code;
    this.hint = details.hint;
    this.limit = details.limit;
    this.retryAfterMs = details.retryAfterMs;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }

  toBody(): ErrorBody {
    return {
      error: { code: this.code, message: this.message, ...(this.hint === undefined ? {} : { hint: this.hint }) },
    };
  }
}

/**
 * Turns whatever was thrown into a ThawError. A foreign error becomes
 * `internal` with a neutral message: its own text may name paths or secrets, so
 * it stays in `cause`.
 */
export function toThawError(error: unknown): ThawError {
  if (error instanceof ThawError) return error;
  if (isAbort(error)) return new ThawError('cancelled', 'The operation was cancelled.', { cause: error });
  return new ThawError('internal', 'Something went wrong inside Thaw.', {
    hint: 'The server log has the details under this request id.',
    cause: error,
  });
}

/** True for what an aborted signal makes a Node API throw. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}
