/**
 * A request's body that is read from `bytes` as it can be sent, and lets go of
 * it when the signal fires. `fetch` alone would go on reading and sending after
 * the server has given its answer.
 */
export function upload(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): ReadableStream<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const release = () => {
    // The iterator may be in the middle of a step; its end is awaited by nobody.
    Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        signal.addEventListener('abort', () => {
          controller.error(signal.reason);
          release();
        });
      },
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (signal.aborted) return;
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: release,
    },
    // Nothing is read before it can be sent.
    { highWaterMark: 0 },
  );
}
