import type { Template } from '../platform/host/contract.ts';
import { askStreaming } from './ask.ts';
import { BuildOutput } from './build-output.ts';
import type { Report } from './contract.ts';
import { BUILD_PORT, builder } from './function/builder.ts';
import type { Asked, Order } from './guest/say.ts';
import type { PipelineParts } from './parts.ts';
import { type ScopedVm, thawScoped } from './scoped-vm.ts';

interface Work {
  labels: Record<string, string>;
  report: Report;
  signal: AbortSignal;
  /** Values that the build program shows nobody. */
  secrets: string[];
}

/** The VM in which a build is under way. It may change into another one on the way; what is open ends with the scope. */
export class BuildingVm implements AsyncDisposable {
  readonly #parts: PipelineParts;
  readonly #work: Work;
  #vm: ScopedVm | undefined;
  /** Id of the template that builders begin from. */
  readonly template: string;

  private constructor(parts: PipelineParts, work: Work, vm: ScopedVm, template: string) {
    this.#parts = parts;
    this.#work = work;
    this.#vm = vm;
    this.template = template;
  }

  /** A VM in which the build program waits for a tree. */
  static async open(parts: PipelineParts, work: Work): Promise<BuildingVm> {
    const { labels, signal } = work;
    const vm = await parts.prepared.thaw(
      await builder(parts.settings.buildDiskBytes),
      { labels, egress: egressOf(parts) },
      signal,
    );
    return new BuildingVm(parts, work, vm, vm.template);
  }

  /** Unpacks a tar stream in the guest. */
  put(path: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#parts.host.putTree(this.#running.id, path, tar, this.#work.signal);
  }

  /** Packs what is in the guest. */
  get(path: string): AsyncIterable<Uint8Array> {
    return this.#parts.host.getTree(this.#running.id, path, this.#work.signal);
  }

  /**
   * Gives the build program an order, passes on what it says, and answers its last line.
   *
   * @throws ThawError `build_failed`
   */
  async order<K extends 'plan' | 'installed' | 'built'>(order: Order, outcome: K) {
    const { report, signal, secrets } = this.#work;
    const output = new BuildOutput(report);
    try {
      const body: Asked = { ...order, mask: secrets };
      const asking = { host: this.#running.address, port: BUILD_PORT, body, signal };
      for await (const data of await askStreaming(asking)) output.push(data);
    } catch {
      signal.throwIfAborted(); // Otherwise the program ended before it was done, and the outcome says so.
    }
    return output.outcome(outcome);
  }

  /** Freezes the VM by `freeze`; it is gone afterwards. */
  async keep(freeze: (vm: string, signal: AbortSignal) => Promise<Template>): Promise<Template> {
    const { id } = this.#running;
    this.#vm = undefined;
    return freeze(id, this.#work.signal);
  }

  /** Goes on in a clone of a template, after `keep`. */
  async goOnFrom(template: Template): Promise<void> {
    this.#vm = await this.#clone(template);
  }

  /** Another VM for the same work, thawed from a template. */
  async beside(template: Template): Promise<BuildingVm> {
    return new BuildingVm(this.#parts, this.#work, await this.#clone(template), this.template);
  }

  /** Goes on in the VM of another one, which must not be used any more, and ends its own. */
  async replaceBy(other: BuildingVm): Promise<void> {
    const before = this.#vm;
    this.#vm = other.#vm;
    other.#vm = undefined;
    await before?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vm?.[Symbol.asyncDispose]();
  }

  get #running(): ScopedVm {
    if (this.#vm === undefined) throw new Error('the VM of the build has been frozen');
    return this.#vm;
  }

  #clone({ id }: Template): Promise<ScopedVm> {
    const { labels, signal } = this.#work;
    const request = { template: id, labels, egress: egressOf(this.#parts), memory: 'own' as const };
    return thawScoped(this.#parts.host, request, signal);
  }
}

function egressOf({ settings }: PipelineParts) {
  return { mode: 'hosts' as const, hosts: settings.registryHosts, operator: true as const };
}
