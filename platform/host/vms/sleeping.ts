import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Egress, EndReason, Vm } from '../contract.ts';
import type { DiskStore } from '../disk/store.ts';
import type { EgressTable } from '../network/gateway.ts';
import type { Slot } from '../network/slot.ts';
import type { Slots } from '../network/slots.ts';
import { describeDisks, releaseDisks } from './disks.ts';
import { changedEgress } from './egress.ts';
import { updateRecord, type VmRecord } from './record.ts';

/** The device state of a VM that sleeps, in its own directory beside its memory and its disk. */
export const SLEEP_STATE = 'sleep-state';

interface SleepingHoldings {
  directory: string;
  slot: Slot;
  slots: Slots;
  egress: EgressTable;
  disks: DiskStore;
}

/** A VM that sleeps: files and a slot, nothing that runs. */
export class SleepingVm {
  readonly record: VmRecord;
  readonly directory: string;
  readonly slot: Slot;
  readonly #slots: Slots;
  readonly #egress: EgressTable;
  readonly #disks: DiskStore;

  constructor(record: VmRecord, { directory, slot, slots, egress, disks }: SleepingHoldings) {
    this.record = record;
    this.directory = directory;
    this.slot = slot;
    this.#slots = slots;
    this.#egress = egress;
    this.#disks = disks;
  }

  /** Path of the saved device state. */
  get state(): string {
    return join(this.directory, SLEEP_STATE);
  }

  describe(): Vm {
    const { id, template, shape, labels, startedAt, phases } = this.record;
    const disks = describeDisks(this.record);
    return { id, template, shape, address: this.slot.address, labels, startedAt, phases, asleep: true, ...disks };
  }

  /**
   * Changes what it may reach when it wakes.
   *
   * @throws ThawError `invalid_input`, `conflict`
   */
  async setEgress(wanted: Egress): Promise<void> {
    const egress = changedEgress(this.slot.kind, wanted);
    this.#egress.allow(this.slot.address, this.record, egress);
    this.record.egress = egress;
    await updateRecord(this.directory, this.record);
  }

  /** Ends it without waking it: its files and its slot are freed. */
  async end(reason: EndReason): Promise<EndReason> {
    await releaseDisks(this.#disks, this.record);
    this.#egress.forget(this.slot.address);
    this.#slots.give(this.slot);
    await rm(this.directory, { recursive: true, force: true });
    return reason;
  }
}

/** Names this boot of the machine: what was not synced before another one is lost. */
export async function hostBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
