import type { IncomingMessage } from 'node:http';
import { isAbort } from '../platform/errors.ts';
import { askStreaming } from './ask.ts';

/** Requests before a freeze: the first compiles, the second takes the compiled way, the third shows that nothing is left. */
const ROUNDS = 3;
/** Longest time until the first byte of an answer. */
const ANSWER_LIMIT_MS = 10_000;
/** An answer that goes on (server-sent events) is left after this time. */
const BODY_LIMIT_MS = 1000;

/** What warming up showed. */
export type Warmth =
  | { kind: 'answered'; status: number }
  /** The limit passed without an answer. */
  | { kind: 'silent'; limitMs: number }
  /** The connection broke. */
  | { kind: 'broken' };

/**
 * Sends `GET` a few times, marked with `x-thaw-warmup: 1`, so that what a request needs is loaded and compiled when the VM is frozen.
 *
 * @param address the VM's, with its port and the path to ask for
 * @param hostHeader the host name under which the app will be asked
 * @throws the signal's reason
 */
export async function warmUp(
  address: { host: string; port: number; path: string },
  hostHeader: string,
  signal: AbortSignal,
): Promise<Warmth> {
  let last: Warmth = { kind: 'broken' };
  for (let round = 0; round < ROUNDS; round++) {
    last = await once(address, hostHeader, signal);
    if (last.kind !== 'answered') return last;
  }
  return last;
}

async function once(
  address: { host: string; port: number; path: string },
  hostHeader: string,
  signal: AbortSignal,
): Promise<Warmth> {
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const headers = {
    host: hostHeader,
    'user-agent': 'thaw-warmup',
    accept: '*/*',
    'x-thaw-warmup': '1',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': hostHeader,
    'x-forwarded-proto': 'http',
  };
  try {
    const answer = await askStreaming({ ...address, headers, signal: AbortSignal.any([signal, limit]) });
    await drained(answer);
    return { kind: 'answered', status: answer.statusCode ?? 0 };
  } catch (error) {
    signal.throwIfAborted();
    return limit.aborted || isAbort(error) ? { kind: 'silent', limitMs: ANSWER_LIMIT_MS } : { kind: 'broken' };
  }
}

async function drained(answer: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, BODY_LIMIT_MS);
  answer
    .on('error', () => resolve())
    .once('close', resolve)
    .resume();
  await promise;
  clearTimeout(timer);
  answer.destroy();
}
