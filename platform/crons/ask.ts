import type { CronRun, CronSpec } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import type { CronParts } from './contract.ts';

const LIMIT_MS = 15 * 60_000;

/** How the request of a run ended. */
export interface Answered extends Pick<CronRun, 'error' | 'status'> {
  outcome: 'ok' | 'failed' | 'interrupted';
  ms: number;
}

interface Asking {
  app: string;
  spec: CronSpec;
  headers: Record<string, string>;
  /** Fires when the server ends. */
  closing: AbortSignal;
  /** Fires when whoever waits for it gives up. */
  caller: AbortSignal | undefined;
}

/** Makes the request of a run. It never fails: what went wrong is what it comes back with. */
export async function ask(
  { request, log, limitMs = LIMIT_MS }: CronParts,
  { app, spec: { name, method, path }, headers, closing, caller }: Asking,
): Promise<Answered> {
  const limit = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([closing, limit, ...(caller ? [caller] : [])]);
  const began = performance.now();
  const without = (outcome: Answered['outcome'], error: string): Answered => ({
    outcome,
    error,
    status: null,
    ms: Math.round(performance.now() - began),
  });
  try {
    const { status, ms } = await unlessAborted(request(app, path, method, headers, signal), signal);
    const isOk = status < 400;
    const error = isOk ? null : `The answer to ${method} ${path} had the status ${status}.`;
    return { outcome: isOk ? 'ok' : 'failed', error, status, ms: Math.round(ms) };
  } catch (error) {
    if (closing.aborted) return without('interrupted', 'The server was stopped during this run.');
    if (limit.aborted) return without('failed', `It took longer than ${limitMs / 1000} s.`);
    if (caller?.aborted) return without('failed', 'It was cancelled.');
    log.warn({ err: error, app, cron: name }, 'a cron got no answer');
    return without('failed', error instanceof ThawError ? error.message : `There was no answer to ${method} ${path}.`);
  }
}

/** Nothing may hold up the end of the server, not even a request that does not heed its signal. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
