import { createHash } from 'node:crypto';
import { ThawError } from '../platform/errors.ts';
import type { Host, RuntimeName, Shape, Template, ThawRequest } from '../platform/host/contract.ts';
import type { Log } from '../platform/log.ts';
import { ask } from './ask.ts';
import { boundFreeDisk } from './free-disk.ts';
import { APP, PROGRAMS } from './guest-places.ts';
import { type ScopedVm, thawScoped } from './scoped-vm.ts';
import { type PackedFile, packFiles } from './tar.ts';

/** A program of ours that waits in a VM for its work. */
export interface Preparation {
  /** Short name, for labels and the log. */
  name: string;
  runtime: RuntimeName;
  shape: Shape;
  /** Put beside each other into the guest. */
  files: PackedFile[];
  process: { argv: string[]; env: Record<string, string> };
  /** Where it listens when it is ready. */
  port: number;
  /** Most bytes that can then be written to its disk; absent = as many as the image has room for. */
  freeDiskBytes?: number;
  /** `GET /` on this port, so many times, before the VM is frozen. */
  rehearsal?: { port: number; requests: number };
}

/** Longest time until the program listens. */
const START_LIMIT_MS = 120_000;
/** Label that holds the key of a prepared template, and the one that holds its name. */
const KEY = 'prepared';
const NAME = 'program';

/**
 * Frozen VMs in which a program of ours waits for its work. Starting Node, loading what a build or a function needs and
 * running it once takes seconds without hardware virtualization; a push thaws it instead. Made on first use, and again
 * when the program or the runtime image is another.
 */
export class PreparedTemplates {
  readonly #host: Host;
  readonly #log: Log;
  readonly #closing: AbortSignal;
  readonly #making = new Map<string, Promise<Template>>();

  /** @param closing ends what is being made */
  constructor(host: Host, log: Log, closing: AbortSignal) {
    this.#host = host;
    this.#log = log;
    this.#closing = closing;
  }

  /**
   * Thaws a VM in which the program waits, with memory of its own: templates are used by every tenant.
   *
   * @param request the rest of what `Host.thaw` wants
   */
  async thaw(
    preparation: Preparation,
    request: Omit<ThawRequest, 'template' | 'memory'>,
    signal: AbortSignal,
  ): Promise<ScopedVm> {
    const thaw = ({ id }: Template) => thawScoped(this.#host, { ...request, template: id, memory: 'own' }, signal);
    return thaw(await this.template(preparation, signal)).catch(async (error: unknown) => {
      if (!(error instanceof ThawError) || error.code !== 'template_stale') throw error;
      this.#log.warn({ program: preparation.name, why: error.message }, 'preparing a program again');
      const runtime = await this.#host.runtimeTemplate(preparation.runtime, preparation.shape, signal);
      return thaw(await this.#make(preparation, runtime, keyOf(preparation, runtime)));
    });
  }

  /** The template itself, made now if there is none. */
  async template(preparation: Preparation, signal: AbortSignal): Promise<Template> {
    const runtime = await this.#host.runtimeTemplate(preparation.runtime, preparation.shape, signal);
    const key = keyOf(preparation, runtime);
    const making =
      this.#making.get(key) ?? this.#find(key).then((known) => known ?? this.#make(preparation, runtime, key));
    this.#making.set(key, making);
    try {
      return await making;
    } finally {
      this.#making.delete(key);
    }
  }

  /** The newest: an older one may be damaged. */
  async #find(key: string): Promise<Template | undefined> {
    const all = (await this.#host.templates()).filter(({ labels }) => labels[KEY] === key);
    return all.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];
  }

  /** Goes on when the one who asked first has gone: others wait for it, and the next push needs it. */
  async #make(preparation: Preparation, runtime: Template, key: string): Promise<Template> {
    const { name, files, process: program, port, freeDiskBytes, rehearsal } = preparation;
    const started = performance.now();
    const signal = AbortSignal.any([this.#closing, AbortSignal.timeout(START_LIMIT_MS)]);
    const host = this.#host;
    const labels = { [KEY]: key, [NAME]: name };
    await using vm = await thawScoped(
      host,
      { template: runtime.id, labels, egress: { mode: 'none' }, memory: 'own' },
      signal,
    );
    await host.putTree(vm.id, PROGRAMS, packFiles(files), signal);
    await host.startProcess(vm.id, { ...program, cwd: APP, user: 'app' }, signal);
    const outcome = await host.waitListening(vm.id, port, START_LIMIT_MS, signal);
    if (!outcome.listening) {
      const said = await Array.fromAsync(host.logs(vm.id, { after: 0, follow: false }, signal));
      throw new ThawError('internal', `The program ${name} did not start in its VM.`, { cause: { outcome, said } });
    }
    for (let count = 0; count < (rehearsal?.requests ?? 0); count++) {
      await ask({ host: vm.address, port: rehearsal?.port ?? port, signal });
    }
    if (freeDiskBytes !== undefined) await boundFreeDisk(host, vm.id, freeDiskBytes, signal);
    const template = await host.freeze(vm.id, { labels, shared: true }, signal);
    this.#log.info(
      { program: name, template: template.id, ms: Math.round(performance.now() - started) },
      'program prepared',
    );
    return template;
  }
}

function keyOf(preparation: Preparation, runtime: Template): string {
  const { files, process: program, port, freeDiskBytes, rehearsal } = preparation;
  const hash = createHash('sha256').update(JSON.stringify([runtime.id, program, port, freeDiskBytes, rehearsal]));
  for (const { path, content } of files) hash.update(path).update(content);
  return hash.digest('hex').slice(0, 16);
}
