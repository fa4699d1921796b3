import type { Sandbox } from './contract.ts';
import type { SandboxRecord } from './records.ts';

/** A sandbox that is not over, and its VM. */
export class LiveSandbox {
  readonly id: string;
  /** The host's id of its VM. */
  readonly vm: string;
  readonly record: SandboxRecord;
  /** Its end was decided: nothing else begins. */
  ending = false;
  /** It is being put to sleep: what is sent to it now would be heard when it wakes up. */
  falling = false;
  /** Its time is up, and what follows from that has begun. */
  due = false;
  /** Fires once it is over: a VM that is gone answers nothing, and closes no connection. */
  readonly over = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(record: SandboxRecord, vm: string) {
    this.id = record.id;
    this.record = record;
    this.vm = vm;
  }

  /** One change of its state after the other. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** As others may see it. */
  shown(): Sandbox {
    const { hostTemplate: _, environment: __, ...sandbox } = this.record;
    return sandbox;
  }
}
