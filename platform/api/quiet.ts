/**
 * After this time without a value something that means nothing is sent. Clients give up on a connection that says nothing
 * for minutes (Node's `fetch` after five), proxies on the way sooner; a log and an install may well be quiet for longer.
 */
export const QUIET_MS = 20_000;

/** What `coming` resolves to, or undefined when that takes longer than `ms`. */
export async function unlessQuiet<T>(coming: Promise<T>, ms: number = QUIET_MS): Promise<T | undefined> {
  const quiet = Promise.withResolvers<undefined>();
  const timer = setTimeout(quiet.resolve, ms, undefined);
  try {
    return await Promise.race([coming, quiet.promise]);
  } finally {
    clearTimeout(timer);
  }
}
