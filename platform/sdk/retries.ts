import { ThawApiError } from './error.ts';

/** Pauses before the tries after the first, in milliseconds. */
const PAUSES_MS = [50, 250];
/** What says that nothing was sent: the connection was never there. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/**
 * Tries again after a connection error, where that is safe: what only looks may be sent twice, all else only when nothing
 * was sent.
 *
 * @param harmless sending it twice does no harm
 */
export async function withRetries<T>(harmless: boolean, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ThawApiError) || error.code !== 'unreachable' || signal.aborted) throw error;
      if (!harmless && !neverSent(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    signal.throwIfAborted();
  }
  return attempt();
}

function neverSent(error: Error): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, errors } = at as { code?: unknown; errors?: unknown };
    if (typeof code === 'string' && NEVER_SENT.has(code)) return true;
    if (Array.isArray(errors) && errors.length > 0)
      return errors.every((one) => one instanceof Error && neverSent(one));
  }
  return false;
}
