import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ThawError, toThawError } from '../errors.ts';
import { Turns } from '../turns.ts';
import type { Broadcast } from './broadcast.ts';
import { unlessCancelled } from './cancelled.ts';
import type {
  Egress,
  EndReason,
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
import { copySparse } from './disk/copy.ts';
import { randomId } from './ids.ts';
import type { TemplateCatalogue } from './templates/chain.ts';
import { TEMPLATE_FILES } from './templates/manifest.ts';
import { type RuntimeTemplateParts, runtimeTemplate } from './templates/runtime.ts';
import { describeTemplate, type TemplateStore } from './templates/store.ts';
import { placeClone } from './vms/clone.ts';
import { freezeInto } from './vms/freeze.ts';
import type { RunningVm } from './vms/running.ts';
import type { SleepingVm } from './vms/sleeping.ts';
import { snapshotInto } from './vms/snapshot.ts';
import { startVm } from './vms/start.ts';
import { usageOf } from './vms/usage.ts';
import { wakeVm } from './vms/wake.ts';

/** Thaws under way at once, for each processor: a thaw waits for its files and its VMM half of the time. */
const THAWS_PER_PROCESSOR = 2;

export interface LocalHostParts extends RuntimeTemplateParts {
  /** Templates of this data directory; `store` is the shared one of runtime images. */
  templates: TemplateStore;
  catalogue: TemplateCatalogue;
  acceleratorReason: string;
  adopted: RunningVm[];
  sleeping: SleepingVm[];
  events: Broadcast<HostEvent>;
  /** Closes what the host stands on, after every VM has ended. */
  resources: AsyncDisposableStack;
}

/** The Host contract on this machine. */
export class LocalHost implements Host {
  readonly #parts: LocalHostParts;
  readonly #vms = new Map<string, RunningVm>();
  readonly #sleeping = new Map<string, SleepingVm>();
  /** VMs that are on their way into or out of sleep. */
  readonly #turning = new Map<string, Promise<unknown>>();
  readonly #booting = new Map<string, Promise<Template>>();
  readonly #turns = new Turns(availableParallelism() * THAWS_PER_PROCESSOR);
  #closed = false;

  constructor(parts: LocalHostParts) {
    this.#parts = parts;
    for (const vm of parts.adopted) this.#keep(vm);
    for (const vm of parts.sleeping) this.#sleeping.set(vm.record.id, vm);
  }

  async facts(): Promise<HostFacts> {
    const { vmm, acceleratorReason, imageSet, slots } = this.#parts;
    const templates = await this.templates();
    return {
      accelerator: vmm.identity.accelerator,
      acceleratorReason,
      qemuVersion: vmm.identity.vmm.replace('qemu ', ''),
      kernelRelease: imageSet.kernel.release,
      vms: this.#vms.size,
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
    const { catalogue, overlays, store, templates, vmm } = this.#parts;
    using _turn = await this.#turns.enter(signal);
    this.#mustBeOpen();
    const template = catalogue.usable(request.template);
    const disks = catalogue.disks(template);
    const { manifest } = template;
    // Lost only for what asks how old its use is.
    void (store.get(manifest.id) ? store : templates).touch(template).catch(() => {});
    const vm = await startVm(
      this.#parts,
      {
        id: randomId('i', 12),
        template: manifest.id,
        runtime: manifest.runtime,
        parents: manifest.parents,
        shape: manifest.shape,
        labels: request.labels,
        egress: request.egress,
        memory: request.memory,
        ...(request.cpus === undefined ? {} : { cpus: request.cpus }),
        ...(request.tasksMax === undefined ? {} : { tasksMax: request.tasksMax }),
        state: join(template.directory, TEMPLATE_FILES.state),
        place: (directory) =>
          placeClone(directory, template, disks, {
            memory: request.memory,
            shared: store.get(manifest.id) !== undefined,
            mapsReadOnly: vmm.mapsReadOnly,
            overlays,
          }),
      },
      signal,
    );
    return this.#keep(vm).describe();
  }

  async freeze(id: string, request: FreezeRequest, signal?: AbortSignal): Promise<Template> {
    const { catalogue, store, templates } = this.#parts;
    const vm = this.#vm(id);
    const { dependsOn, diskBytes } = catalogue.usable(vm.record.template).manifest;
    const about = { labels: request.labels, dependsOn, diskBytes };
    return describeTemplate(await freezeInto(request.shared ? store : templates, vm, about, signal));
  }

  sleep(id: string, signal?: AbortSignal): Promise<void> {
    return this.#turn(id, async () => {
      if (this.#sleeping.has(id)) return;
      const vm = this.#vm(id);
      if (vm.record.memory !== 'own') {
        throw new ThawError('conflict', 'Only a VM with memory of its own can sleep.', {
          hint: 'Thaw it with memory "own".',
        });
      }
      this.#sleeping.set(id, await vm.sleep(signal));
    });
  }

  wake(id: string, signal?: AbortSignal): Promise<Vm> {
    return this.#turn(id, async () => {
      const asleep = this.#sleeping.get(id);
      if (asleep === undefined) return this.#vm(id).describe();
      using _turn = await this.#turns.enter(signal);
      this.#mustBeOpen();
      const { vm, failure } = await wakeVm(this.#parts, asleep, this.#parts.catalogue, signal);
      if (failure !== undefined && asleep.record.asleepSince !== undefined) throw failure;
      this.#sleeping.delete(id);
      if (vm !== undefined) return this.#keep(vm).describe();
      this.#publishEnd(asleep, await asleep.end('crashed'));
      throw failure;
    });
  }

  async fork(id: string, labels: Record<string, string>, signal?: AbortSignal): Promise<Vm> {
    const original = this.#vm(id);
    if (original.record.memory !== 'own') {
      throw new ThawError('conflict', 'Only a VM with memory of its own can be forked.', {
        hint: 'Thaw it with memory "own".',
      });
    }
    const { catalogue } = this.#parts;
    const template = catalogue.usable(original.record.template);
    const below = catalogue.disks(template);
    const { record } = original;
    const copyId = randomId('i', 12);
    const state = join(original.directory, `fork-${copyId}`);
    const copy = await startVm(
      this.#parts,
      {
        ...record,
        id: copyId,
        labels,
        state,
        // The original stands still while its state, memory and disk are copied, and goes on whatever happens.
        place: async (directory) => {
          const memory = join(directory, 'memory');
          const disk = join(directory, 'disk.qcow2');
          try {
            await original.machine.save(state, signal);
            await copySparse(original.file('memory'), memory);
            await copySparse(original.file('disk.qcow2'), disk);
          } finally {
            if (!original.record.paused) await original.machine.resume();
          }
          return { memory: { path: memory, shared: true, readOnly: false }, disks: [disk, ...below] };
        },
      },
      signal,
    );
    await rm(state, { force: true });
    return this.#keep(copy).describe();
  }

  async snapshot(id: string, labels: Record<string, string>, signal?: AbortSignal): Promise<Template> {
    const { catalogue, templates } = this.#parts;
    const vm = this.#vm(id);
    const { dependsOn, diskBytes } = catalogue.usable(vm.record.template).manifest;
    return describeTemplate(await snapshotInto(templates, vm, { labels, dependsOn, diskBytes }, signal));
  }

  async usage(id: string): Promise<VmUsage> {
    return usageOf(this.#vm(id));
  }

  async pause(id: string): Promise<void> {
    await this.#vm(id).pause();
  }

  async resume(id: string): Promise<void> {
    await this.#vm(id).resume();
  }

  setEgress(id: string, egress: Egress): Promise<void> {
    return this.#turn(id, async () => (this.#sleeping.get(id) ?? this.#vm(id)).setEgress(egress));
  }

  async end(id: string): Promise<void> {
    await this.#turning.get(id)?.catch(() => {});
    await this.#vms.get(id)?.end('ended');
    const asleep = this.#sleeping.get(id);
    if (asleep === undefined) return;
    this.#sleeping.delete(id);
    this.#publishEnd(asleep, await asleep.end('ended'));
  }

  get(id: string): Vm | undefined {
    return (this.#vms.get(id) ?? this.#sleeping.get(id))?.describe();
  }

  list(): Vm[] {
    return [...this.#vms.values(), ...this.#sleeping.values()].map((vm) => vm.describe());
  }

  async templates(): Promise<Template[]> {
    return [...this.#parts.templates.list(), ...this.#parts.store.list()].map(describeTemplate);
  }

  async removeTemplate(template: string): Promise<void> {
    await this.#parts.templates.remove(template);
  }

  exec(id: string, request: ExecRequest, signal?: AbortSignal): AsyncIterable<ExecEvent> {
    return this.#vm(id).agent.exec(request, signal);
  }

  async putTree(id: string, path: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    return this.#vm(id).agent.putTree(path, tar, signal);
  }

  getTree(id: string, path: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#vm(id).agent.getTree(path, signal);
  }

  async setEnvironment(id: string, environment: Record<string, string>, signal?: AbortSignal): Promise<void> {
    return this.#vm(id).agent.setEnvironment(environment, signal);
  }

  async startProcess(id: string, request: ProcessRequest, signal?: AbortSignal): Promise<void> {
    return this.#vm(id).agent.startProcess(request, signal);
  }

  async waitListening(id: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<Listening> {
    return this.#vm(id).agent.waitListening(port, timeoutMs, signal);
  }

  logs(id: string, options: { after: number; follow: boolean }, signal?: AbortSignal): AsyncIterable<GuestLogLine> {
    return this.#vm(id).agent.logs(options.after, options.follow, signal);
  }

  async pendingWork(id: string, signal?: AbortSignal): Promise<number> {
    return this.#vm(id).agent.pendingWork(signal);
  }

  events(signal: AbortSignal): AsyncIterable<HostEvent> {
    return this.#parts.events.subscribe(signal);
  }

  /** Ends every VM, then frees slots, cgroups and gateway. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#turning.values());
    await Promise.all([...this.#vms.values()].map((vm) => vm.end('host')));
    await this.#parts.resources.disposeAsync();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ThawError('unavailable', 'The server is stopping.');
  }

  #vm(id: string): RunningVm {
    const vm = this.#vms.get(id);
    if (vm) return vm;
    if (this.#sleeping.has(id)) throw new ThawError('conflict', 'The VM sleeps.', { hint: 'Wake it first.' });
    throw new ThawError('not_found', 'There is no such VM.', { hint: 'It may have ended.' });
  }

  /** One change between waking and sleeping after the other, for each VM. */
  async #turn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turning = (this.#turning.get(id) ?? Promise.resolve()).catch(() => {}).then(work);
    this.#turning.set(id, turning);
    try {
      return await turning;
    } finally {
      if (this.#turning.get(id) === turning) this.#turning.delete(id);
    }
  }

  #publishEnd({ record }: { record: { id: string; labels: Record<string, string> } }, reason: EndReason): void {
    this.#parts.events.publish({ kind: 'ended', vm: record.id, labels: record.labels, reason });
    const level = reason === 'crashed' || reason === 'oom' ? 'warn' : 'debug';
    this.#parts.log[level]({ vm: record.id, reason }, 'VM ended');
  }

  #keep(vm: RunningVm): RunningVm {
    const { id } = vm.record;
    this.#vms.set(id, vm);
    void vm.ended.then((reason) => {
      this.#vms.delete(id);
      if (reason !== 'asleep') this.#publishEnd(vm, reason);
    });
    if (this.#closed) void vm.end('host');
    return vm;
  }
}
