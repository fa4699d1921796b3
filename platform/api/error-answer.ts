import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ThawError, toThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ApiEnv } from './environment.ts';

/** The one place where an error becomes an answer. What only the log may know stays behind here, under the request id. */
export function answerError(log: Log, error: unknown, c: Context<ApiEnv>): Response {
  const told = explain(error);
  logError(log, told, c);
  if (told.code === 'unauthenticated') c.header('www-authenticate', 'Bearer realm="thaw"');
  if (told.limit !== undefined) c.header('x-thaw-limit', told.limit);
  if (told.retryAfterMs !== undefined) c.header('retry-after', String(Math.ceil(told.retryAfterMs / 1000)));
  return c.json(told.toBody(), told.status as ContentfulStatusCode);
}

/** Notes an error: as the server's own fault when it is, else at debug. */
export function logError(log: Log, error: ThawError, c: Context<ApiEnv>): void {
  const fields = { request: c.var.requestId, method: c.req.method, path: c.req.path, code: error.code };
  if (error.status === 500) log.error({ ...fields, err: error.cause ?? error }, 'request failed');
  else log.debug({ ...fields, err: error }, 'request refused');
}

/** The answer to a path that is no route. */
export function answerNotFound(c: Context<ApiEnv>): Response {
  const error = new ThawError('not_found', `There is nothing at ${c.req.method} ${c.req.path}.`, {
    hint: 'See /v1/openapi.json for the routes there are.',
  });
  return c.json(error.toBody(), 404);
}

function explain(error: unknown): ThawError {
  if (!(error instanceof HTTPException)) return toThawError(error);
  // What the framework throws by itself: JSON that cannot be parsed, and a body of another media type.
  if (error.status === 415) {
    return new ThawError('invalid_input', 'The body has a media type that this route does not take.', {
      hint: 'Send JSON with `Content-Type: application/json`.',
      cause: error,
    });
  }
  if (error.status === 400) {
    return new ThawError('invalid_input', 'The body is not well-formed JSON.', { cause: error });
  }
  return toThawError(error);
}
