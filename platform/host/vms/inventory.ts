import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Broadcast } from '../broadcast.ts';
import type { EndReason, HostEvent } from '../contract.ts';
import type { RunningVm } from './running.ts';
import type { SleepingVm } from './sleeping.ts';

/** The VMs of a host: those that run, those that sleep, and those on their way from one to the other. */
export class Inventory {
  readonly running = new Map<string, RunningVm>();
  readonly sleeping = new Map<string, SleepingVm>();
  readonly #turning = new Map<string, Promise<unknown>>();
  readonly #events: Broadcast<HostEvent>;
  readonly #log: Log;
  #closed = false;

  constructor(events: Broadcast<HostEvent>, log: Log) {
    this.#events = events;
    this.#log = log;
  }

  /** @throws ThawError `conflict` when it sleeps, `not_found` when it is gone */
  awake(id: string): RunningVm {
    const vm = this.running.get(id);
    if (vm) return vm;
    if (this.sleeping.has(id)) throw new ThawError('conflict', 'The VM sleeps.', { hint: 'Wake it first.' });
    throw new ThawError('not_found', 'There is no such VM.', { hint: 'It may have ended.' });
  }

  either(id: string): RunningVm | SleepingVm {
    return this.sleeping.get(id) ?? this.awake(id);
  }

  all(): (RunningVm | SleepingVm)[] {
    return [...this.running.values(), ...this.sleeping.values()];
  }

  /** Takes in one that runs; its end is told. */
  keep(vm: RunningVm): RunningVm {
    const { id } = vm.record;
    this.running.set(id, vm);
    void vm.ended.then((reason) => {
      this.running.delete(id);
      if (reason !== 'asleep') this.#tell(vm, reason);
    });
    if (this.#closed) void vm.end('host');
    return vm;
  }

  /** One change of a VM as a whole after the other: sleep, wake, copies. */
  async turn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turning = (this.#turning.get(id) ?? Promise.resolve()).catch(() => {}).then(work);
    this.#turning.set(id, turning);
    try {
      return await turning;
    } finally {
      if (this.#turning.get(id) === turning) this.#turning.delete(id);
    }
  }

  /** Ends a VM, awake or asleep, after what is being done to it. */
  async end(id: string): Promise<void> {
    await this.#turning.get(id)?.catch(() => {});
    await this.running.get(id)?.end('ended');
    await this.endAsleep(id, 'ended');
  }

  async endAsleep(id: string, reason: EndReason): Promise<void> {
    const asleep = this.sleeping.get(id);
    if (asleep === undefined) return;
    this.sleeping.delete(id);
    this.#tell(asleep, await asleep.end(reason));
  }

  /** Ends all that run, those that come later too. Those that sleep stay as they are. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#turning.values());
    await Promise.all([...this.running.values()].map((vm) => vm.end('host')));
  }

  /** @throws ThawError `unavailable` once it is closing */
  mustBeOpen(): void {
    if (this.#closed) throw new ThawError('unavailable', 'The server is stopping.');
  }

  #tell({ record }: RunningVm | SleepingVm, reason: EndReason): void {
    this.#events.publish({ kind: 'ended', vm: record.id, labels: record.labels, reason });
    const level = reason === 'crashed' || reason === 'oom' ? 'warn' : 'debug';
    this.#log[level]({ vm: record.id, reason }, 'VM ended');
  }
}
