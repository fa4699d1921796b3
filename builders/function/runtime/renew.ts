import { constants } from 'node:os';
import { renewRandom } from './random.ts';

/** Longest time the code's own `afterThaw` may take, in milliseconds. */
const HOOK_LIMIT_MS = 2000;

/**
 * Loads the addon that reseeds OpenSSL's generators.
 *
 * @param path of the addon; without one (outside a guest) nothing is reseeded
 */
export function loadReseed(path: string | undefined): () => boolean {
  if (path === undefined) return () => true;
  const addon = { exports: {} as { reseed: () => boolean } };
  process.dlopen(addon, path, constants.dlopen.RTLD_LAZY);
  return addon.exports.reseed;
}

/**
 * Makes everything in this process its own that a clone shares with its siblings, then lets the code do the same.
 *
 * @param code whose `afterThaw` is called when it has one
 * @returns a promise only when the hook returned one
 */
export function renewer(
  reseed: () => boolean,
  code: { afterThaw?: unknown },
): (entropy: string) => Promise<void> | undefined {
  return (entropy) => {
    if (!reseed()) throw new Error('OpenSSL took no fresh entropy');
    renewRandom(entropy);
    if (typeof code.afterThaw !== 'function') return undefined;
    const running: unknown = code.afterThaw();
    return running instanceof Promise ? limited(running) : undefined;
  };
}

async function limited(running: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`afterThaw took longer than ${HOOK_LIMIT_MS} ms`)), HOOK_LIMIT_MS);
  try {
    await Promise.race([running, promise]);
  } finally {
    clearTimeout(timer);
  }
}
