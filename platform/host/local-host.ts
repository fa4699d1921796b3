import { availableParallelism } from 'node:os';
import { toThawError } from '../errors.ts';
import { Turns } from '../turns.ts';
import type { Broadcast } from './broadcast.ts';
import { unlessCancelled } from './cancelled.ts';
import type {
  Egress,
  ExecEvent,
  ExecRequest,
  FreezeRequest,
  GuestLogLine,
  Host,
  HostEvent,
  HostFacts,
  Listening,
  ProcessRequest,
  RuntimeName,
  Shape,
  Template,
  ThawRequest,
  Vm,
  VmUsage,
} from './contract.ts';
import type { DiskHost } from './disks.ts';
import type { AgentCaller } from './guest/call.ts';
import { GuestCalls } from './guest/calls.ts';
import { LocalDisks } from './local-disks.ts';
import { type RuntimeTemplateParts, runtimeTemplate } from './templates/runtime.ts';
import { describeTemplate } from './templates/store.ts';
import { forkVm } from './vms/fork.ts';
import { freezeInto } from './vms/freeze.ts';
import { Inventory } from './vms/inventory.ts';
import { requireOwnMemory } from './vms/own-memory.ts';
import type { RunningVm } from './vms/running.ts';
import type { SleepingVm } from './vms/sleeping.ts';
import { snapshotInto } from './vms/snapshot.ts';
import { type ThawParts, thawVm } from './vms/thaw.ts';
import { usageOf } from './vms/usage.ts';
import { wakeVm } from './vms/wake.ts';

/** Thaws under way at once, for each processor: a thaw waits for its files and its VMM half of the time. */
const THAWS_PER_PROCESSOR = 2;

export interface LocalHostParts extends RuntimeTemplateParts, ThawParts {
  acceleratorReason: string;
  adopted: RunningVm[];
  sleeping: SleepingVm[];
  events: Broadcast<HostEvent>;
  /** Closes what the host stands on, after every VM has ended. */
  resources: AsyncDisposableStack;
}

/** The Host contract on this machine. */
export class LocalHost extends GuestCalls implements Host {
  readonly #parts: LocalHostParts;
  readonly #vms: Inventory;
  readonly #disks: LocalDisks;
  readonly #booting = new Map<string, Promise<Template>>();
  readonly #turns = new Turns(availableParallelism() * THAWS_PER_PROCESSOR);

  constructor(parts: LocalHostParts) {
    super();
    this.#parts = parts;
    this.#vms = new Inventory(parts.events, parts.log);
    this.#disks = new LocalDisks(parts.disks, this.#vms);
    for (const vm of parts.adopted) this.#vms.keep(vm);
    for (const vm of parts.sleeping) this.#vms.sleeping.set(vm.record.id, vm);
  }

  async facts(): Promise<HostFacts> {
    const { vmm, acceleratorReason, imageSet, slots } = this.#parts;
    const templates = await this.templates();
    return {
      accelerator: vmm.identity.accelerator,
      acceleratorReason,
      qemuVersion: vmm.identity.vmm.replace('qemu ', ''),
      kernelRelease: imageSet.kernel.release,
      vms: this.#vms.running.size,
      slots: slots.counts,
      templates: { count: templates.length, bytes: templates.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    };
  }

  async runtimeTemplate(runtime: RuntimeName, shape: Shape, signal?: AbortSignal): Promise<Template> {
    const key = `${runtime} ${shape.memoryMiB} ${shape.vcpus}`;
    for (;;) {
      const others = this.#booting.get(key);
      if (!others) {
        const own = runtimeTemplate(this.#parts, runtime, shape, signal)
          .then(describeTemplate)
          .finally(() => this.#booting.delete(key));
        this.#booting.set(key, own);
        return own;
      }
      try {
        return await unlessCancelled(others, signal);
      } catch (error) {
        // Whoever began it may have given up, which is nothing to us.
        if (signal?.aborted || toThawError(error).code !== 'cancelled') throw error;
      }
    }
  }

  async thaw(request: ThawRequest, signal?: AbortSignal): Promise<Vm> {
    using _turn = await this.#turns.enter(signal);
    this.#vms.mustBeOpen();
    const vm = await thawVm(this.#parts, request, signal);
    return this.#vms.keep(vm).describe();
  }

  async freeze(id: string, request: FreezeRequest, signal?: AbortSignal): Promise<Template> {
    const { catalogue, store, templates } = this.#parts;
    const vm = this.#vms.awake(id);
    const { dependsOn } = catalogue.usable(vm.record.template).manifest;
    const about = { labels: request.labels, dependsOn };
    return describeTemplate(await freezeInto(request.shared ? store : templates, vm, about, signal));
  }

  sleep(id: string, options?: { sync?: boolean }, signal?: AbortSignal): Promise<void> {
    const { sleeping } = this.#vms;
    return this.#vms.turn(id, async () => {
      if (sleeping.has(id)) return;
      const vm = this.#vms.awake(id);
      requireOwnMemory(vm.record, 'sleep');
      sleeping.set(id, await vm.sleep(options, signal));
    });
  }

  wake(id: string, signal?: AbortSignal): Promise<Vm> {
    const { sleeping } = this.#vms;
    return this.#vms.turn(id, async () => {
      const asleep = sleeping.get(id);
      if (asleep === undefined) return this.#vms.awake(id).describe();
      using _turn = await this.#turns.enter(signal);
      this.#vms.mustBeOpen();
      const { vm, failure } = await wakeVm(this.#parts, asleep, this.#parts.catalogue, signal);
      if (failure !== undefined && asleep.record.asleepSince !== undefined) throw failure;
      if (vm === undefined) {
        await this.#vms.endAsleep(id, 'crashed');
        throw failure;
      }
      sleeping.delete(id);
      return this.#vms.keep(vm).describe();
    });
  }

  fork(id: string, labels: Record<string, string>, signal?: AbortSignal): Promise<Vm> {
    return this.#vms.turn(id, async () => {
      this.#vms.mustBeOpen();
      return this.#vms.keep(await forkVm(this.#parts, this.#vms.awake(id), labels, signal)).describe();
    });
  }

  snapshot(id: string, labels: Record<string, string>, signal?: AbortSignal): Promise<Template> {
    const { catalogue, templates } = this.#parts;
    return this.#vms.turn(id, async () => {
      const vm = this.#vms.awake(id);
      const { dependsOn } = catalogue.usable(vm.record.template).manifest;
      return describeTemplate(await snapshotInto(templates, vm, { labels, dependsOn }, signal));
    });
  }

  async usage(id: string): Promise<VmUsage> {
    return usageOf(this.#vms.awake(id));
  }

  growRoot(id: string, bytes: number, signal?: AbortSignal): Promise<void> {
    return this.#vms.turn(id, () => this.#vms.awake(id).growRoot(bytes, signal));
  }

  pause(id: string): Promise<void> {
    return this.#vms.turn(id, () => this.#vms.awake(id).pause());
  }

  resume(id: string): Promise<void> {
    return this.#vms.turn(id, () => this.#vms.awake(id).resume());
  }

  setEgress(id: string, egress: Egress): Promise<void> {
    return this.#vms.turn(id, () => this.#vms.either(id).setEgress(egress));
  }

  end(id: string): Promise<void> {
    return this.#vms.end(id);
  }

  createDisk: DiskHost['createDisk'] = (...asked) => this.#disks.createDisk(...asked);
  importDisk: DiskHost['importDisk'] = (...asked) => this.#disks.importDisk(...asked);
  exportDisk: DiskHost['exportDisk'] = (...asked) => this.#disks.exportDisk(...asked);
  growDisk: DiskHost['growDisk'] = (...asked) => this.#disks.growDisk(...asked);
  removeDisk: DiskHost['removeDisk'] = (disk) => this.#disks.removeDisk(disk);
  disks: DiskHost['disks'] = () => this.#disks.disks();
  getDisk: DiskHost['getDisk'] = (disk) => this.#disks.getDisk(disk);

  get(id: string): Vm | undefined {
    return (this.#vms.running.get(id) ?? this.#vms.sleeping.get(id))?.describe();
  }

  list(): Vm[] {
    return this.#vms.all().map((vm) => vm.describe());
  }

  async templates(): Promise<Template[]> {
    return [...this.#parts.templates.list(), ...this.#parts.store.list()].map(describeTemplate);
  }

  async removeTemplate(template: string): Promise<void> {
    await this.#parts.templates.remove(template);
  }

  exec(id: string, request: ExecRequest, signal?: AbortSignal): AsyncIterable<ExecEvent> {
    return this.#vms.awake(id).agent.exec(request, signal);
  }

  async putTree(id: string, path: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    return this.#vms.awake(id).agent.putTree(path, tar, signal);
  }

  getTree(id: string, path: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#vms.awake(id).agent.getTree(path, signal);
  }

  async setEnvironment(id: string, environment: Record<string, string>, signal?: AbortSignal): Promise<void> {
    return this.#vms.awake(id).agent.setEnvironment(environment, signal);
  }

  async startProcess(id: string, request: ProcessRequest, signal?: AbortSignal): Promise<void> {
    return this.#vms.awake(id).agent.startProcess(request, signal);
  }

  async stopProcess(id: string, signal?: AbortSignal): Promise<void> {
    return this.#vms.awake(id).agent.stopProcess(signal);
  }

  async waitListening(id: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<Listening> {
    return this.#vms.awake(id).agent.waitListening(port, timeoutMs, signal);
  }

  logs(id: string, options: { after: number; follow: boolean }, signal?: AbortSignal): AsyncIterable<GuestLogLine> {
    return this.#vms.awake(id).agent.logs(options.after, options.follow, signal);
  }

  async pendingWork(id: string, signal?: AbortSignal): Promise<number> {
    return this.#vms.awake(id).agent.pendingWork(signal);
  }

  protected caller(id: string): AgentCaller {
    return this.#vms.awake(id).agent.caller;
  }

  events(signal: AbortSignal): AsyncIterable<HostEvent> {
    return this.#parts.events.subscribe(signal);
  }

  /** Ends every VM that runs, then frees slots, cgroups and gateway. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vms.close();
    await this.#parts.resources.disposeAsync();
  }
}
