import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GuestLogLine } from '../../platform/host/contract.ts';
import { silentLog } from '../../platform/log.ts';
import { LogCollector } from '../../platform/logs/collector.ts';
import { LogStore } from '../../platform/logs/store.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

/** A guest's log as the agent keeps it: lines with numbers, told from any of them on. */
class GuestLog {
  readonly #lines: GuestLogLine[] = [];
  #wake = Promise.withResolvers<void>();
  calls: { after: number; follow: boolean }[] = [];

  write(...texts: string[]): void {
    for (const text of texts) {
      const seq = this.#lines.length + 1;
      this.#lines.push({ seq, time: '2026-01-02T03:04:05.678Z', stream: 'stdout', line: text });
    }
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async *logs(_vm: string, { after, follow }: { after: number; follow: boolean }, signal?: AbortSignal) {
    this.calls.push({ after, follow });
    for (let next = after; ; ) {
      while (next < this.#lines.length) yield this.#lines[next++] as GuestLogLine;
      if (!follow) return;
      signal?.throwIfAborted();
      const aborted = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      );
      await Promise.race([this.#wake.promise, aborted]);
    }
  }
}

async function stand() {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const guest = new GuestLog();
  const store = new LogStore(directory.path, 1024 * 1024);
  const collector = stack.use(new LogCollector(guest, store, silentLog()));
  const texts = async () => (await store.read('a', {}, 100)).map(({ line }) => line);
  const all = stack.move();
  return { guest, store, collector, texts, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const VM = { id: 'iaaaaaaaaaaaa', app: 'a', deployment: 'd1' };

describe('log collection', () => {
  it('takes the last lines of a VM that ends before collection began', async () => {
    await using one = await stand();
    one.collector.begin(VM);
    one.guest.write('early', 'bird');
    await one.collector.finish(VM.id);
    assert.deepEqual(await one.texts(), ['early', 'bird'], 'they are on disk when the end may go on');
    assert.deepEqual(one.guest.calls, [{ after: 0, follow: false }]);
    assert.deepEqual((await one.store.read('a', {}, 1))[0], {
      time: '2026-01-02T03:04:05.678Z',
      instance: VM.id,
      deployment: 'd1',
      stream: 'stdout',
      level: 'info',
      seq: 2,
      line: 'bird',
    });
  });

  it('takes lines as they come, and each once, to the end', async () => {
    await using one = await stand();
    one.collector.begin(VM);
    one.guest.write('1', '2');
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const { line } of one.store.follow('a', {}, 0, stop.signal)) {
      seen.push(line);
      if (line === '2') one.guest.write('3');
      if (line === '3') stop.abort();
    }
    one.guest.write('4');
    await one.collector.finish(VM.id);
    assert.deepEqual(seen, ['1', '2', '3']);
    assert.deepEqual(await one.texts(), ['1', '2', '3', '4']);
    assert.deepEqual(one.guest.calls[0], { after: 0, follow: true });
    assert.equal(one.guest.calls.at(-1)?.follow, false);
  });

  it('lets go of a VM that is gone, and finishes all when it is closed', async () => {
    await using one = await stand();
    one.collector.begin(VM);
    one.collector.drop(VM.id);
    await one.collector.finish(VM.id);
    assert.deepEqual(one.guest.calls, []);
    one.collector.begin(VM);
    one.guest.write('last words');
    await one.collector[Symbol.asyncDispose]();
    assert.deepEqual(await one.texts(), ['last words']);
  });
});
