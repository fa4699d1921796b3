import { existsSync } from 'node:fs';
import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { SLOT_COUNT, SLOT_KINDS, type SlotKind } from './addresses.ts';
import { allClaims, claim, unclaim } from './claims.ts';
import { createSlot, removeSlot, type Slot, slotAt } from './slot.ts';

export interface SlotsOptions {
  /** Slots of each kind kept ready. */
  ahead: number;
  /** Data directory of this server; owns the claims. */
  owner: string;
  /** Where this server begins to look for free indexes. */
  firstIndex: number;
  /** Address of this server's gateway services. */
  gateway: string;
  /** Opens a `ruled` slot's way to the gateway, and closes it. */
  divert: Divert;
  log: Log;
}

/** Where the connections of `ruled` slots go. */
export interface Divert {
  open(slot: Slot): Promise<void>;
  close(slot: Slot): void;
}

const REFILL_AFTER_MS = 1_000;

/**
 * Ready slots of each kind. Taking one is a list operation while any is ready;
 * the list is filled again in the background. A slot that comes back is used
 * again: its next VMM's launcher flushes its connections, and the tap, its rules
 * and neighbours are the same for every VM.
 */
export class Slots implements AsyncDisposable {
  readonly #options: SlotsOptions;
  readonly #ready: Record<SlotKind, Slot[]> = { public: [], closed: [], ruled: [] };
  readonly #used = new Set<number>();
  #next: number;
  #closed = false;
  #filling: Promise<void> | undefined;
  #refill: NodeJS.Timeout | undefined;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#next = options.firstIndex;
  }

  get counts(): { ready: number; used: number; total: number } {
    const ready = SLOT_KINDS.reduce((sum, kind) => sum + this.#ready[kind].length, 0);
    return { ready, used: this.#used.size, total: SLOT_COUNT };
  }

  /**
   * Removes the slots that an earlier server of this data directory, or one whose
   * data directory is gone, left behind; those in `inUse` are kept as used.
   */
  async recover(inUse: { index: number; kind: SlotKind }[]): Promise<void> {
    const kept = new Map(inUse.map((slot) => [slot.index, slot]));
    for (const { index, kind, owner } of await allClaims()) {
      if (kept.has(index) && owner === this.#options.owner) {
        this.#used.add(index);
      } else if (owner === this.#options.owner || !existsSync(owner)) {
        await removeSlot(kind, index);
        await unclaim(index);
      }
    }
  }

  /** Makes slots until the wanted number of each kind is ready. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** @throws ThawError `no_room` when all addresses are in use */
  async take(kind: SlotKind): Promise<Slot> {
    const slot = this.#ready[kind].pop() ?? (await this.#make(kind));
    this.#used.add(slot.index);
    this.#refillSoon();
    return slot;
  }

  /** Fills the lists again, but not while the thaw that took a slot needs the processor. */
  #refillSoon(): void {
    if (this.#refill !== undefined || this.#closed) return;
    this.#refill = setTimeout(() => {
      this.#refill = undefined;
      this.fill().catch((err: unknown) => this.#options.log.warn({ err }, 'slots could not be made ahead'));
    }, REFILL_AFTER_MS);
  }

  /** Gives a slot back; its VMM must have ended. */
  give(slot: Slot): void {
    if (!this.#used.delete(slot.index)) return;
    const most = Math.max(this.#options.ahead * 2, 2);
    if (!this.#closed && this.#ready[slot.kind].length < most) this.#ready[slot.kind].push(slot);
    else void this.#remove(slot);
  }

  /** Takes a slot of an adopted VM back into the books. */
  async adopt(kind: SlotKind, index: number): Promise<Slot> {
    const slot = slotAt(kind, index);
    this.#used.add(index);
    if (kind === 'ruled') await this.#options.divert.open(slot);
    return slot;
  }

  /** Removes the ready slots; used ones belong to VMs that live on, and go on without a gateway until a server takes them back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#refill);
    await this.#filling?.catch(() => {});
    for (const kind of SLOT_KINDS) {
      for (const slot of this.#ready[kind].splice(0)) await this.#remove(slot);
    }
    await Promise.all(this.#removals);
  }

  readonly #removals = new Set<Promise<void>>();

  async #remove(slot: Slot): Promise<void> {
    if (slot.kind === 'ruled') this.#options.divert.close(slot);
    const removal = removeSlot(slot.kind, slot.index).then(() => unclaim(slot.index));
    this.#removals.add(removal);
    await removal.finally(() => this.#removals.delete(removal));
  }

  async #fill(): Promise<void> {
    for (const kind of SLOT_KINDS) {
      while (!this.#closed && this.#ready[kind].length < this.#options.ahead) {
        this.#ready[kind].unshift(await this.#make(kind));
      }
    }
  }

  async #make(kind: SlotKind): Promise<Slot> {
    const { owner, gateway, divert, log } = this.#options;
    for (let tries = 0; tries < SLOT_COUNT; tries += 1) {
      const index = this.#next;
      this.#next = (this.#next + 1) % SLOT_COUNT;
      if (!(await claim({ index, kind, owner }))) continue;
      try {
        const slot = await createSlot(kind, index, gateway);
        if (kind === 'ruled') await divert.open(slot);
        return slot;
      } catch (error) {
        log.warn({ err: error, slot: index }, 'a slot could not be made');
        divert.close(slotAt(kind, index));
        await removeSlot(kind, index);
        await unclaim(index);
        throw error;
      }
    }
    throw new ThawError('no_room', `All ${SLOT_COUNT} network slots of this machine are in use.`, {
      hint: 'End VMs that are not needed.',
    });
  }
}
