import { ThawError } from '../errors.ts';
import type { RuntimeName, Template } from '../host/contract.ts';
import type { SandboxRequest, SandboxTemplate } from './contract.ts';
import { DEFAULT_CPUS, DEFAULT_MEMORY_MIB, requireCpus, requireMemory } from './limits.ts';
import type { LiveSandbox } from './live.ts';
import type { SandboxesParts } from './parts.ts';
import type { TemplateRecord } from './records.ts';

/** Runtime images that sandboxes can be made from, the smallest first. */
const BUILT_IN = ['base', 'node', 'python', 'code-interpreter'] as const satisfies RuntimeName[];
const WITH_KERNELS = 'code-interpreter' satisfies RuntimeName;
const MIB = 1024 * 1024;
/** Label of the host's templates that are snapshots of sandboxes. */
const ROLE = 'sandbox-template';
const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** What a sandbox is thawed from. */
export interface Source {
  /** As the sandbox's record names it. */
  name: string;
  hostTemplate: string;
  memoryMiB: number;
  cpus: number;
  /** Of the disk that it is thawed with. */
  diskMiB: number;
  /** Kernels of a code interpreter are in it: as they were made, or as a sandbox before left them. */
  kernels: 'none' | 'new' | 'used';
}

/** The templates that sandboxes are made from: the runtime images', and those that projects made of sandboxes. */
export class Templates {
  readonly #parts: Pick<SandboxesParts, 'host' | 'control' | 'bounds' | 'log'>;
  /** Host templates that sandboxes stand on now. */
  readonly #used: () => Iterable<string>;

  constructor(parts: Pick<SandboxesParts, 'host' | 'control' | 'bounds' | 'log'>, used: () => Iterable<string>) {
    this.#parts = parts;
    this.#used = used;
  }

  /** Makes the built-in ones in the default size, one after the other, so that no sandbox has to wait for it. */
  async prepare(signal: AbortSignal): Promise<void> {
    const shape = { memoryMiB: DEFAULT_MEMORY_MIB, vcpus: DEFAULT_CPUS };
    for (const runtime of BUILT_IN) {
      await this.#parts.host.runtimeTemplate(runtime, shape, signal).catch((err: unknown) => {
        if (!signal.aborted) this.#parts.log.warn({ runtime, err }, 'a template of sandboxes could not be prepared');
      });
    }
  }

  /**
   * What a request names, in the size that it wants. A built-in one of a size that was never asked for is booted first.
   *
   * @throws ThawError `not_found`, `invalid_input` for a size that it cannot have
   */
  async source(project: string, request: SandboxRequest, signal: AbortSignal): Promise<Source> {
    const { bounds, host } = this.#parts;
    const named = request.template ?? 'base';
    const runtime = BUILT_IN.find((name) => name === named);
    if (runtime !== undefined) {
      const memoryMiB = requireMemory(request.memoryMiB ?? DEFAULT_MEMORY_MIB, bounds);
      const cpus = requireCpus(request.cpus ?? DEFAULT_CPUS, bounds);
      const { id, diskBytes } = await host.runtimeTemplate(runtime, { memoryMiB, vcpus: Math.ceil(cpus) }, signal);
      const kernels = runtime === WITH_KERNELS ? 'new' : 'none';
      return { name: runtime, hostTemplate: id, memoryMiB, cpus, diskMiB: diskBytes / MIB, kernels };
    }
    const { name, version } = parse(named);
    const own = (await this.#parts.control.sandboxTemplates.list(project)).find(
      (one) => one.name === name && (version === undefined || one.version === version),
    );
    if (own === undefined) throw noSuchTemplate(named);
    if (request.memoryMiB !== undefined && request.memoryMiB !== own.memoryMiB) {
      throw new ThawError('invalid_input', `The template ${name} has ${own.memoryMiB} MiB of memory.`, {
        hint: 'A sandbox that goes on from a snapshot has the memory of it; leave memoryMiB out.',
      });
    }
    const cpus = requireCpus(request.cpus ?? own.cpus, bounds);
    if (Math.ceil(cpus) > Math.ceil(own.cpus)) {
      throw new ThawError('invalid_input', `The template ${name} has ${Math.ceil(own.cpus)} processors.`, {
        hint: 'A sandbox that goes on from a snapshot can have fewer, not more.',
      });
    }
    const { hostTemplate, memoryMiB } = own;
    const made = (await host.templates()).find(({ id }) => id === hostTemplate);
    // Where the host does not have it the thaw says so.
    const { runtime: beneath, diskBytes = 0 } = made ?? {};
    const kernels = beneath === WITH_KERNELS ? 'used' : 'none';
    return { name: `${name}:${own.version}`, hostTemplate, memoryMiB, cpus, diskMiB: diskBytes / MIB, kernels };
  }

  /** Makes the next version of a template out of a running sandbox. @throws ThawError `invalid_input` for a name */
  async snapshot({ record, vm }: LiveSandbox, name: string, signal: AbortSignal): Promise<SandboxTemplate> {
    const { control, host } = this.#parts;
    const { project, hostTemplate: hostParent, memoryMiB, cpus } = record;
    const made: Template = await host.snapshot(vm, { role: ROLE }, signal);
    try {
      const { id: hostTemplate, sizeBytes } = made;
      const added = { project, name, hostTemplate, hostParent, memoryMiB, cpus, sizeBytes };
      return shown(await control.sandboxTemplates.add(added));
    } catch (error) {
      await host.removeTemplate(made.id);
      throw error;
    }
  }

  /** Those that sandboxes of a project can be made from; an admin sees those of all projects. */
  async list(project: string | null): Promise<SandboxTemplate[]> {
    const builtIn = BUILT_IN.map((name) => ({ name, ...ANY_SIZE }));
    return [...builtIn, ...(await this.#parts.control.sandboxTemplates.list(project)).map(shown)];
  }

  /** Removes a version, or all of a name. What sandboxes and other templates stand on stays on disk as long as they do. */
  async remove(project: string, named: string): Promise<SandboxTemplate[]> {
    const { name, version } = parse(named);
    if (BUILT_IN.some((one) => one === name)) {
      throw new ThawError('invalid_input', `${name} is built in and cannot be removed.`);
    }
    const removed = await this.#parts.control.sandboxTemplates.remove(project, name, version);
    await this.collect();
    return removed.map(shown);
  }

  /** Removes the host's templates of removed ones that nothing stands on any more. */
  async collect(): Promise<void> {
    const { control, host } = this.#parts;
    const all = await control.sandboxTemplates.all();
    const needed = new Set(this.#used());
    for (const { hostTemplate, removed } of all) if (!removed) needed.add(hostTemplate);
    const parents = new Map(all.map(({ hostTemplate, hostParent }) => [hostTemplate, hostParent]));
    for (const id of needed) {
      const parent = parents.get(id);
      if (parent !== undefined) needed.add(parent);
    }
    const unneeded = all.filter(({ hostTemplate }) => !needed.has(hostTemplate)).map((one) => one.hostTemplate);
    for (const id of unneeded) await host.removeTemplate(id);
    await control.sandboxTemplates.forget(unneeded);
  }

  /** Removes what a server that was killed in the middle of a snapshot left. */
  async sweep(): Promise<void> {
    const { control, host } = this.#parts;
    const known = new Set((await control.sandboxTemplates.all()).map(({ hostTemplate }) => hostTemplate));
    for (const { id, labels } of await host.templates()) {
      if (labels.role === ROLE && !known.has(id)) await host.removeTemplate(id);
    }
    await this.collect();
  }
}

const ANY_SIZE = { version: null, memoryMiB: null, cpus: null, sizeBytes: null, createdAt: null };

function shown({ name, version, memoryMiB, cpus, sizeBytes, createdAt }: TemplateRecord): SandboxTemplate {
  return { name, version, memoryMiB, cpus, sizeBytes, createdAt };
}

/** @throws ThawError `invalid_input` for the name of a built-in one, or one that is no name */
export function requireTemplateName(name: string): void {
  const builtIn = name === 'builder' || BUILT_IN.some((one) => one === name);
  if (NAME.test(name) && !builtIn) return;
  throw new ThawError('invalid_input', `A template cannot be called ${JSON.stringify(name.slice(0, 60))}.`, {
    hint: builtIn
      ? 'This one is built in.'
      : 'A name has 1 to 40 lower-case letters (a-z), digits and hyphens, and neither begins nor ends with a hyphen.',
  });
}

function parse(named: string): { name: string; version: number | undefined } {
  const [, name = '', version] = /^([a-z0-9-]{1,40})(?::([1-9]\d{0,8}))?$/.exec(named) ?? [];
  if (name === '') throw noSuchTemplate(named);
  return { name, version: version === undefined ? undefined : Number(version) };
}

function noSuchTemplate(named: string): ThawError {
  return new ThawError('not_found', `There is no template ${JSON.stringify(named.slice(0, 60))}.`, {
    hint: '`thaw template list` shows those that there are.',
  });
}
