import type { Context } from 'hono';
import type { ApiEnv } from './environment.ts';

/** Fires when the client goes, the server closes, or one of `more` does. */
export function whileWanted(c: Context<ApiEnv>, closing: AbortSignal | undefined, ...more: AbortSignal[]): AbortSignal {
  return AbortSignal.any([c.req.raw.signal, ...more, ...(closing === undefined ? [] : [closing])]);
}
