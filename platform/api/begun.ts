/**
 * Waits for the first value of a stream, so that a failure before it has a status of its own. What comes back goes on with
 * that value, and ends when its own signal fires.
 *
 * @param early ends the stream while its first value is waited for
 */
export async function begun<T>(
  early: AbortSignal,
  produce: (signal: AbortSignal) => AsyncIterable<T>,
): Promise<(signal: AbortSignal) => AsyncGenerator<T>> {
  const over = new AbortController();
  const values = produce(AbortSignal.any([early, over.signal]))[Symbol.asyncIterator]();
  let next: IteratorResult<T> = await values.next();
  return async function* (signal) {
    const stop = () => over.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for (; next.done !== true; next = await values.next()) yield next.value;
    } finally {
      signal.removeEventListener('abort', stop);
      over.abort();
      await values.return?.();
    }
  };
}
