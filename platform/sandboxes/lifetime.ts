import { setTimeout as sleep } from 'node:timers/promises';
import { Alarm } from '../crons/alarm.ts';
import type { HostEvent } from '../host/contract.ts';
import type { SandboxEndReason } from './contract.ts';
import type { Fleet } from './fleet.ts';
import type { LiveSandbox } from './live.ts';
import { ROLE } from './making.ts';
import { noteRefusal } from './refusal.ts';
import { fallAsleep, pause } from './sleep.ts';
import type { Templates } from './templates.ts';

/** Snapshots that are written at once as the server stops. */
const ASLEEP_AT_ONCE = 4;
/** What failed at the end of a sandbox's time is tried again after this. */
const AGAIN_MS = 1000;

/** Ends sandboxes when their time is up or their VM has gone, and carries them over from one server to the next. */
export class Lifetime implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #alarm: Alarm;
  readonly #closing = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#alarm = new Alarm(fleet.parts.clock, () => this.#ring());
    fleet.timesChanged = () => this.#set();
  }

  /**
   * Takes back the sandboxes of the server before. Those whose VM is gone have ended; VMs that are no sandbox's are
   * ended; those that were put to sleep as the server stopped go on when they are used.
   */
  async begin(templates: Templates): Promise<void> {
    const { control, clock, host, journal, log } = this.#fleet.parts;
    this.#watching = this.#watch(host.events(this.#closing.signal));
    const vms = new Map(
      host
        .list()
        .filter(({ labels }) => labels.role === ROLE)
        .map((vm) => [vm.labels.sandbox, vm]),
    );
    const lost: string[] = [];
    for (const record of await control.sandboxes.live()) {
      const vm = vms.get(record.id);
      if (vm === undefined) lost.push(record.id);
      else {
        vms.delete(record.id);
        const live = this.#fleet.adopt(record, vm.id);
        // It was resumed, and the server ended before that was written down.
        if (record.state === 'paused' && !vm.asleep) await this.#runs(live);
      }
    }
    const forgotten = await control.sandboxes.end(lost, 'host', clock().toISOString());
    await Promise.all(forgotten.map((id) => journal.remove(id)));
    for (const vm of vms.values()) await host.end(vm.id);
    if (lost.length > 0) log.warn({ sandboxes: lost }, 'sandboxes were lost with their VMs');
    await templates.sweep();
  }

  /** Puts those that run to sleep: the next server finds them as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#alarm[Symbol.dispose]();
    this.#fleet.timesChanged = () => {};
    this.#closing.abort();
    await this.#watching;
    const running = this.#fleet.all().filter(({ ending }) => !ending);
    const next = async () => {
      for (let live = running.pop(); live !== undefined; live = running.pop()) await this.#leave(live);
    };
    await Promise.all(Array.from({ length: ASLEEP_AT_ONCE }, next));
  }

  async #leave(live: LiveSandbox): Promise<void> {
    await live
      .turn(async () => {
        if (!live.ending) await fallAsleep(this.#fleet, live);
      })
      .catch((err: unknown) => this.#fleet.parts.log.warn({ sandbox: live.id, err }, 'a sandbox could not be kept'));
  }

  async #runs(live: LiveSandbox): Promise<void> {
    const endsAt = new Date(this.#fleet.parts.clock().getTime() + live.record.ttlSeconds * 1000).toISOString();
    await this.#fleet.change(live, { state: 'running', endsAt });
  }

  #set(): void {
    let earliest: number | undefined;
    for (const { ending, due, record } of this.#fleet.all()) {
      if (ending || due || record.endsAt === null) continue;
      const at = Date.parse(record.endsAt);
      if (earliest === undefined || at < earliest) earliest = at;
    }
    this.#alarm.set(earliest);
  }

  #ring(): void {
    for (const live of this.#fleet.all()) {
      if (this.#isDue(live)) void this.#timeIsUp(live);
    }
    this.#set();
  }

  #isDue({ ending, due, record }: LiveSandbox): boolean {
    if (ending || due || record.endsAt === null) return false;
    return Date.parse(record.endsAt) <= this.#fleet.parts.clock().getTime();
  }

  async #timeIsUp(live: LiveSandbox): Promise<void> {
    live.due = true;
    try {
      if (live.record.autoPause) await pause(this.#fleet, live);
      else await this.#fleet.end(live, 'ttl');
    } catch (err) {
      this.#fleet.parts.log.error({ sandbox: live.id, err }, 'a sandbox whose time is up could not be ended or paused');
      await sleep(AGAIN_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
    } finally {
      live.due = false;
      this.#set();
    }
  }

  async #watch(events: AsyncIterable<HostEvent>): Promise<void> {
    for await (const event of events) {
      const live = this.#fleet.ofVm(event.vm);
      if (live === undefined) continue;
      if (event.kind === 'refused') {
        await noteRefusal(this.#fleet.parts, live, event);
        continue;
      }
      if (live.ending) continue;
      const reason: SandboxEndReason = event.reason === 'oom' || event.reason === 'crashed' ? event.reason : 'host';
      await this.#fleet.end(live, reason).catch((err: unknown) => {
        this.#fleet.parts.log.error({ sandbox: live.id, err }, 'the end of a sandbox could not be written down');
      });
    }
  }
}
