import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cgroups } from '../cgroup.ts';
import type { Egress, EndReason, Vm } from '../contract.ts';
import type { DiskStore } from '../disk/store.ts';
import { GuestAgent } from '../guest/agent.ts';
import type { EgressTable } from '../network/gateway.ts';
import type { Slot } from '../network/slot.ts';
import type { Slots } from '../network/slots.ts';
import type { Machine } from '../vmm/contract.ts';
import { describeDisks, releaseDisks } from './disks.ts';
import { changedEgress } from './egress.ts';
import { updateRecord, type VmRecord } from './record.ts';
import { hostBoot, SLEEP_STATE, SleepingVm } from './sleeping.ts';

/** Longest that a guest may take for its last writes before it is ended. */
const LAST_WRITES_MS = 10_000;

/** What a running VM holds and gives back when it ends. */
export interface Holdings {
  directory: string;
  slot: Slot;
  slots: Slots;
  cgroups: Cgroups;
  egress: EgressTable;
  disks: DiskStore;
}

/** A VM with an identity of its own. Disposing it ends it and frees what it held, in reverse order. */
export class RunningVm implements AsyncDisposable {
  readonly record: VmRecord;
  readonly machine: Machine;
  readonly agent: GuestAgent;
  readonly directory: string;
  readonly slot: Slot;
  /** Resolves once, when everything is freed, with how the VM ended; `asleep` when its files and its slot go on without a process. */
  readonly ended: Promise<EndReason | 'asleep'>;
  readonly #holdings: Holdings;
  #asleep = false;
  #reason: EndReason | undefined;
  #lastWrites: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(record: VmRecord, machine: Machine, holdings: Holdings) {
    this.record = record;
    this.machine = machine;
    this.directory = holdings.directory;
    this.slot = holdings.slot;
    this.agent = new GuestAgent(holdings.slot.address);
    this.#holdings = holdings;
    this.ended = machine.ended.then(() => (this.#asleep ? this.#leave(holdings) : this.#free(holdings)));
  }

  describe(): Vm {
    const { id, template, shape, labels, startedAt, phases } = this.record;
    const disks = describeDisks(this.record);
    return { id, template, shape, address: this.slot.address, labels, startedAt, phases, asleep: false, ...disks };
  }

  /** Path of the VM's own file `name`. */
  file(name: 'disk.qcow2' | 'memory'): string {
    return join(this.directory, name);
  }

  /** Paths of the images of its disks. */
  diskImages(): string[] {
    return (this.record.disks ?? []).map(({ disk }) => this.#holdings.disks.image(disk));
  }

  /** Stops the processors, for a later server too. */
  async pause(): Promise<void> {
    await this.remember({ paused: true });
    await this.machine.pause();
  }

  /**
   * Changes what it may reach, for a later server too.
   *
   * @throws ThawError `invalid_input`, `conflict`
   */
  async setEgress(wanted: Egress): Promise<void> {
    const egress = changedEgress(this.slot.kind, wanted);
    this.#holdings.egress.allow(this.slot.address, this.record, egress);
    await this.remember({ egress });
  }

  /** Makes the disk larger for good, then the guest's root file system. */
  async growRoot(bytes: number, signal?: AbortSignal): Promise<void> {
    await this.machine.growRoot(bytes);
    await this.agent.growRoot(bytes, signal);
  }

  async resume(): Promise<void> {
    await this.machine.resume();
    await this.remember({ paused: false });
  }

  /**
   * Saves the VM into its own snapshot and lets its process go. The record says so before the process ends, so a server
   * that is killed in between leaves either a VM that runs on or one that sleeps.
   *
   * @throws when it cannot be saved; the VM has ended then
   */
  async sleep({ sync = true }: { sync?: boolean } = {}, signal?: AbortSignal): Promise<SleepingVm> {
    const asleepSince = { hostBoot: await hostBoot(), at: new Date().toISOString() };
    try {
      // A snapshot may be lost with its machine. What was written to a disk by then is not.
      if (sync && this.record.disks !== undefined && !this.record.paused) {
        await this.agent.disks.sync(signal).catch(() => {});
      }
      await this.machine.save(join(this.directory, SLEEP_STATE), signal);
      await this.remember({ asleepSince });
      this.#asleep = true;
    } catch (error) {
      await this.end('ended');
      throw error;
    }
    await this.machine[Symbol.asyncDispose]();
    await this.ended;
    return new SleepingVm(this.record, this.#holdings);
  }

  /** Ends the VM; the first reason given is the one that counts. Its disks have all that was written, if the guest is well. */
  async end(reason: EndReason): Promise<void> {
    this.#reason ??= reason;
    if (this.record.disks !== undefined && !this.record.paused) {
      this.#lastWrites ??= this.#leaveDisksWhole();
      await this.#lastWrites;
    }
    await this.machine[Symbol.asyncDispose]();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end('ended');
  }

  /** Changes the record for a later server; one change after the other. */
  remember(change: Partial<Pick<VmRecord, 'paused' | 'ready' | 'asleepSince' | 'egress'>>): Promise<void> {
    Object.assign(this.record, change);
    const written = this.#writing.then(() => updateRecord(this.directory, this.record));
    this.#writing = written.catch(() => {});
    return written;
  }

  async #leaveDisksWhole(): Promise<void> {
    const gone = new AbortController();
    void this.machine.ended.then(() => gone.abort());
    const limit = AbortSignal.any([gone.signal, AbortSignal.timeout(LAST_WRITES_MS)]);
    await this.agent.disks.freeze(limit).catch(() => {}); // as after a power cut then: the file system has a journal
  }

  /** What the gateway holds for it stays: its side of these connections is in the snapshot. */
  async #leave({ cgroups }: Holdings): Promise<'asleep'> {
    await cgroups.remove(this.record.id);
    return 'asleep';
  }

  async #free({ directory, slot, slots, cgroups, egress, disks }: Holdings): Promise<EndReason> {
    const { id } = this.record;
    const reason = this.#reason ?? ((await cgroups.wasOutOfMemory(id)) ? 'oom' : 'crashed');
    await this.machine[Symbol.asyncDispose]();
    await releaseDisks(disks, this.record);
    egress.forget(slot.address);
    slots.give(slot);
    await cgroups.remove(id);
    await this.#writing;
    // What cannot be removed now belongs to nothing, and goes at the next start.
    await rm(directory, { recursive: true, force: true }).catch(() => {});
    return reason;
  }
}
