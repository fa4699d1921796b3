import { constants } from 'node:os';
import { renewRandom } from './random.ts';

/** Longest time the code's own `afterThaw` may take, in milliseconds. */
const HOOK_LIMIT_MS = 2000;

/**
 * Loads the addon that lets OpenSSL draw from the kernel, and maps the page by which a thaw is seen.
 *
 * @param addon path of the addon; without one (outside a guest) there is no page
 * @param page path of the file that the agent writes at each thaw
 * @returns the page: the count of thaws, a word that is not used, eight words of entropy
 */
export function watchThaws(addon: string | undefined, page: string | undefined): Uint32Array | undefined {
  if (addon === undefined || page === undefined) return undefined;
  const loaded = { exports: {} as { watch: (path: string) => ArrayBuffer } };
  process.dlopen(loaded, addon, constants.dlopen.RTLD_LAZY);
  return new Uint32Array(loaded.exports.watch(page));
}

/**
 * Makes everything in this process its own that a clone shares with its siblings, then lets the code do the same.
 *
 * @param code whose `afterThaw` is called when it has one
 * @returns a promise only when the hook returned one
 */
export function renewer(code: { afterThaw?: unknown }): (entropy: string) => Promise<void> | undefined {
  return (entropy) => {
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
