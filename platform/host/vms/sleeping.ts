import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndReason, Vm } from '../contract.ts';
import type { Slot } from '../network/slot.ts';
import type { Slots } from '../network/slots.ts';
import type { VmRecord } from './record.ts';

/** The device state of a VM that sleeps, in its own directory beside its memory and its disk. */
export const SLEEP_STATE = 'sleep-state';

/** A VM that sleeps: files and a slot, nothing that runs. */
export class SleepingVm {
  readonly record: VmRecord;
  readonly directory: string;
  readonly slot: Slot;
  readonly #slots: Slots;

  constructor(record: VmRecord, { directory, slot, slots }: { directory: string; slot: Slot; slots: Slots }) {
    this.record = record;
    this.directory = directory;
    this.slot = slot;
    this.#slots = slots;
  }

  /** Path of the saved device state. */
  get state(): string {
    return join(this.directory, SLEEP_STATE);
  }

  describe(): Vm {
    const { id, template, shape, labels, startedAt, phases } = this.record;
    return { id, template, shape, address: this.slot.address, labels, startedAt, phases, asleep: true };
  }

  /** Ends it without waking it: its files and its slot are freed. */
  async end(reason: EndReason): Promise<EndReason> {
    this.#slots.give(this.slot);
    await rm(this.directory, { recursive: true, force: true });
    return reason;
  }
}

/** Names this boot of the machine: what was not synced before another one is lost. */
export async function hostBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
