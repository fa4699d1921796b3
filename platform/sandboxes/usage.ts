import type { VmUsage } from '../host/contract.ts';
import type { UsageSample } from './contract.ts';
import type { LiveSandbox } from './live.ts';
import type { SandboxesParts } from './parts.ts';

/** Between two samples; an hour of them is kept. */
const EVERY_MS = 15_000;
const KEPT = 240;

interface Series {
  samples: UsageSample[];
  last: { at: number; usage: VmUsage };
}

/** What running sandboxes use, over time. One timer for all. */
export class UsageRecorder implements Disposable {
  readonly #parts: Pick<SandboxesParts, 'host' | 'clock' | 'log'>;
  readonly #series = new Map<string, Series>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: Pick<SandboxesParts, 'host' | 'clock' | 'log'>, running: () => LiveSandbox[]) {
    this.#parts = parts;
    this.#timer = setInterval(() => {
      for (const live of running()) {
        void this.#sample(live).catch((err: unknown) => parts.log.debug({ sandbox: live.id, err }, 'use not measured'));
      }
    }, EVERY_MS).unref();
  }

  /** The samples of the last hour, oldest first; one of now at the end while it runs. */
  async of(live: LiveSandbox): Promise<UsageSample[]> {
    if (live.record.state === 'running' && !live.falling) await this.#sample(live);
    return [...(this.#series.get(live.id)?.samples ?? [])];
  }

  forget(id: string): void {
    this.#series.delete(id);
  }

  async #sample({ id, vm }: LiveSandbox): Promise<void> {
    const usage = await this.#parts.host.usage(vm);
    const at = this.#parts.clock().getTime();
    const series = this.#series.get(id);
    const before = series?.last;
    const seconds = before === undefined ? 0 : (at - before.at) / 1000;
    // Counters begin anew when it wakes up.
    const since = (key: 'receivedBytes' | 'sentBytes') =>
      before === undefined ? 0 : Math.max(0, usage[key] - before.usage[key]);
    const cpu = before === undefined || seconds <= 0 ? 0 : (usage.cpuSeconds - before.usage.cpuSeconds) / seconds;
    const sample: UsageSample = {
      at: new Date(at).toISOString(),
      cpu: Math.max(0, Math.round(cpu * 1000) / 1000),
      memoryBytes: usage.memoryBytes,
      diskBytes: usage.diskBytes,
      receivedBytes: since('receivedBytes'),
      sentBytes: since('sentBytes'),
    };
    const samples = [...(series?.samples ?? []), sample].slice(-KEPT);
    this.#series.set(id, { samples, last: { at, usage } });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
