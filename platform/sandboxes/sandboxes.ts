import { ThawError } from '../errors.ts';
import type { LogLine } from '../logs/contract.ts';
import { SandboxCode } from './code.ts';
import { SandboxCommands } from './commands.ts';
import type {
  PortToken,
  Sandbox,
  SandboxEgress,
  SandboxEvent,
  SandboxFilter,
  SandboxRequest,
  SandboxTemplate,
  UsageSample,
} from './contract.ts';
import { hostEgress } from './egress.ts';
import { ENVD_PORT } from './envd.ts';
import { SandboxFileTree } from './file-tree.ts';
import { requirePath, writeFile } from './files.ts';
import type { Fleet } from './fleet.ts';
import { requireTtl } from './limits.ts';
import { create, fork } from './making.ts';
import type { SandboxesParts } from './parts.ts';
import { isPortToken, signPort } from './port-token.ts';
import { pause, resume } from './sleep.ts';
import { requireTemplateName, type Templates } from './templates.ts';
import type { UsageRecorder } from './usage.ts';
import type { Using } from './using.ts';

/** Where the edge finds a sandbox. */
export interface Reachable {
  id: string;
  project: string;
  ports: Sandbox['ports'];
}

/** What the room is made of. */
export interface Insides {
  parts: SandboxesParts;
  fleet: Fleet;
  templates: Templates;
  usage: UsageRecorder;
  using: Using;
}

/** Sandboxes, for those who ask on behalf of a project; `project` null = of any. */
export class Sandboxes implements AsyncDisposable {
  readonly commands: SandboxCommands;
  readonly files: SandboxFileTree;
  readonly code: SandboxCode;
  readonly #in: Insides;
  readonly #opened: AsyncDisposableStack;

  constructor(insides: Insides, opened: AsyncDisposableStack) {
    const { parts, using } = insides;
    this.commands = new SandboxCommands(parts, using);
    this.files = new SandboxFileTree(parts, using);
    this.code = new SandboxCode(parts, using);
    this.#in = insides;
    this.#opened = opened;
  }

  /**
   * @throws ThawError `invalid_input`, `not_found` for the template or the project, `quota_exceeded`, and what `Host.thaw`
   *   does
   */
  create(request: SandboxRequest & { project: string }, signal: AbortSignal): Promise<Sandbox> {
    return create(this.#in.fleet, this.#in.templates, request, signal);
  }

  /** Also one that is over, as long as it is known. @throws ThawError `not_found` */
  get(id: string, project: string | null): Promise<Sandbox> {
    return this.#in.parts.control.sandboxes.get(id, project);
  }

  list(project: string | null, filter: SandboxFilter): Promise<Sandbox[]> {
    return this.#in.parts.control.sandboxes.list(project, filter);
  }

  /** Ends it; of one that is over this tells how it ended. @throws ThawError `not_found` */
  async kill(id: string, project: string | null): Promise<Sandbox> {
    const { fleet } = this.#in;
    const known = await this.get(id, project);
    const live = fleet.get(id);
    return live === undefined ? known : fleet.end(live, 'killed');
  }

  /** Its time is up so many seconds from now, or from when it is resumed. @throws ThawError `not_found`, `gone`, `invalid_input` */
  async setTimeout(id: string, project: string | null, ttlSeconds: number): Promise<Sandbox> {
    const { fleet, parts } = this.#in;
    requireTtl(ttlSeconds, parts.bounds);
    const live = await fleet.find(id, project);
    const endsAt = new Date(parts.clock().getTime() + ttlSeconds * 1000).toISOString();
    await fleet.change(live, live.record.state === 'paused' ? { ttlSeconds } : { ttlSeconds, endsAt });
    return live.shown();
  }

  /** @throws ThawError `not_found`, `gone` */
  async pause(id: string, project: string | null): Promise<Sandbox> {
    return pause(this.#in.fleet, await this.#in.fleet.find(id, project));
  }

  /** @throws ThawError `not_found`, `gone`, `quota_exceeded`, and what `Host.wake` does */
  async resume(
    id: string,
    project: string | null,
    options: { ttlSeconds?: number | undefined; signal: AbortSignal },
  ): Promise<Sandbox> {
    return resume(this.#in.fleet, await this.#in.fleet.find(id, project), options);
  }

  /** @throws ThawError as `create` does */
  async fork(
    id: string,
    project: string | null,
    options: { count: number; ttlSeconds?: number | undefined },
    signal: AbortSignal,
  ): Promise<Sandbox[]> {
    const live = await this.#in.using.awake(id, project, signal);
    return live.turn(() => fork(this.#in.fleet, live, options, signal));
  }

  /** Makes the next version of a template. @throws ThawError `invalid_input` for the name */
  async snapshot(id: string, project: string | null, name: string, signal: AbortSignal): Promise<SandboxTemplate> {
    requireTemplateName(name);
    const live = await this.#in.using.awake(id, project, signal);
    return live.turn(() => this.#in.templates.snapshot(live, name, signal));
  }

  async *readFile(
    id: string,
    project: string | null,
    file: { path: string; user: 'app' | 'root' },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const path = requirePath(file.path);
    const live = await this.#in.using.awake(id, project, signal);
    const { host } = this.#in.parts;
    yield* this.#in.using.each(live, signal, (both) => host.readFile(live.vm, path, file.user, both));
  }

  async writeFile(
    id: string,
    project: string | null,
    file: { path: string; size: number; mode: number; bytes: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<void> {
    const live = await this.#in.using.awake(id, project, signal);
    await this.#in.using.answer(live, signal, (both) => writeFile(this.#in.parts.host, live.vm, file, both));
  }

  async *getTree(id: string, project: string | null, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const from = requirePath(path);
    const live = await this.#in.using.awake(id, project, signal);
    yield* this.#in.using.each(live, signal, (both) => this.#in.parts.host.getTree(live.vm, from, both));
  }

  async putTree(
    id: string,
    project: string | null,
    { path, tar }: { path: string; tar: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<void> {
    const to = requirePath(path);
    const live = await this.#in.using.awake(id, project, signal);
    await this.#in.using.answer(live, signal, (both) => this.#in.parts.host.putTree(live.vm, to, tar, both));
  }

  /** Changes what it may reach while it runs; connections that it may no longer have are cut. @throws ThawError `invalid_input` */
  async setEgress(id: string, project: string | null, egress: SandboxEgress): Promise<Sandbox> {
    const { fleet, parts } = this.#in;
    const live = await fleet.find(id, project);
    await live.turn(async () => {
      await parts.host.setEgress(live.vm, hostEgress(egress));
      await fleet.change(live, { egress });
    });
    return live.shown();
  }

  /** What happened to it, oldest first; also of one that is over. @throws ThawError `not_found` */
  async *logs(
    id: string,
    project: string | null,
    { limit, follow }: { limit: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<LogLine> {
    await this.get(id, project);
    const { journal } = this.#in.parts;
    yield* follow ? journal.follow(id, {}, limit, signal) : await journal.read(id, {}, limit);
  }

  /** What it used in the last hour. @throws ThawError `not_found`, `gone` */
  async usage(id: string, project: string | null): Promise<UsageSample[]> {
    return this.#in.usage.of(await this.#in.fleet.find(id, project));
  }

  /** What becomes of the sandboxes of a project, or of all, from now on. */
  events(project: string | null, signal: AbortSignal): AsyncIterable<SandboxEvent> {
    return this.#in.fleet.feed.subscribe((event) => project === null || event.project === project, signal);
  }

  /** What becomes of one, from now on until it is over. @throws ThawError `not_found` */
  async *eventsOf(id: string, project: string | null, signal: AbortSignal): AsyncGenerator<SandboxEvent> {
    const over = new AbortController();
    const events = this.#in.fleet.feed.subscribe(
      ({ sandbox }) => sandbox === id,
      AbortSignal.any([signal, over.signal]),
    );
    try {
      const known = await this.get(id, project);
      if (known.endReason !== null && known.endedAt !== null) {
        yield { type: 'ended', sandbox: id, project: known.project, at: known.endedAt, reason: known.endReason };
        return;
      }
      for await (const event of events) {
        yield event;
        if (event.type === 'ended') return;
      }
    } finally {
      over.abort();
    }
  }

  templates(project: string | null): Promise<SandboxTemplate[]> {
    return this.#in.templates.list(project);
  }

  /** @param named with or without `:version` @throws ThawError `not_found`, `invalid_input` for a built-in one */
  removeTemplate(project: string, named: string): Promise<SandboxTemplate[]> {
    return this.#in.templates.remove(project, named);
  }

  /** Makes the built-in templates in the default size. */
  prepare(signal: AbortSignal): Promise<void> {
    return this.#in.templates.prepare(signal);
  }

  /** Leave to reach a private port at the edge. @throws ThawError `not_found`, `gone` */
  async portToken(id: string, project: string | null, port: number, ttlSeconds: number): Promise<PortToken> {
    const { fleet, parts } = this.#in;
    requireTtl(ttlSeconds, parts.bounds);
    await fleet.find(id, project);
    return signPort(parts.control.portKey, id, port, new Date(parts.clock().getTime() + ttlSeconds * 1000));
  }

  /**
   * Leave to speak to the agent of a sandbox at the edge, as long as any sandbox may live. Who does so tells no environment
   * with each command, so the agent is told that of the sandbox.
   *
   * @throws ThawError `not_found`, `gone`
   */
  async agentToken(id: string, project: string | null, signal: AbortSignal): Promise<PortToken> {
    const { parts, using } = this.#in;
    const live = await using.awake(id, project, signal);
    const { environment } = live.record;
    if (Object.keys(environment).length > 0) {
      await using.answer(live, signal, (both) => parts.host.setEnvironment(live.vm, environment, both));
    }
    return this.portToken(id, project, ENVD_PORT, parts.bounds.maxTtlSeconds);
  }

  /** Whether a token lets its bearer in. From memory, for the edge asks for each request. */
  admits(token: string, id: string, port: number): boolean {
    return isPortToken(this.#in.parts.control.portKey, token, id, port, this.#in.parts.clock());
  }

  /** A sandbox that has not ended, for the edge. From memory. */
  reachable(id: string): Reachable | undefined {
    const live = this.#in.fleet.get(id);
    if (live === undefined || live.ending) return undefined;
    return { id, project: live.record.project, ports: live.record.ports };
  }

  /** Lets a paused one go on. @returns the address of its VM @throws ThawError as `resume` does */
  async reach(id: string, signal: AbortSignal): Promise<{ address: string; resumed: boolean }> {
    const before = this.#in.fleet.get(id)?.record.state;
    const { vm } = await this.#in.using.awake(id, null, signal);
    const address = this.#in.parts.host.get(vm)?.address;
    if (address === undefined) throw new ThawError('gone', `The sandbox ${id} is over.`);
    return { address, resumed: before === 'paused' };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
