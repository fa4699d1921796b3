import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ThawError } from '../../platform/errors.ts';
import type {
  GuestLogLine,
  Host,
  HostFacts,
  Listening,
  ProcessRequest,
  Template,
  ThawRequest,
  Vm,
} from '../../platform/host/contract.ts';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** A guest has its own address; here that is one of loopback's, so the code must not listen on all of them. */
const listenOnlyAt = (address: string) =>
  `data:text/javascript,${encodeURIComponent(
    `import { Server } from 'node:net'; const { listen } = Server.prototype;
     Server.prototype.listen = function (port, host, ...rest) { return listen.call(this, port, host === '0.0.0.0' ? '${address}' : host, ...rest); };`,
  )}`;

interface Machine {
  vm: Vm;
  root: string;
  process?: ChildProcess;
  /** What was started, and the port that it was seen listening on: enough to start it again. */
  started?: ProcessRequest;
  port?: number;
  logs: GuestLogLine[];
}

/**
 * A host whose VMs are directories and processes of this machine: git, the pipeline and the guest programs run for real and fast.
 * A template is the directory, and thawing one starts its process anew. It isolates nothing; the tests with real VMs are elsewhere.
 */
export class ProcessHost implements AsyncDisposable {
  readonly machines = new Map<string, Machine>();
  readonly frozen = new Map<string, Template>();
  readonly #images = new Map<string, Pick<Machine, 'root' | 'started' | 'port'>>();
  /** Waited for before each builder starts; a test sets it to hold a build. */
  gate: Promise<unknown> = Promise.resolve();
  builds = 0;
  /** True while a build waits at the gate. */
  holding = false;
  #count = 0;

  /** The part of the contract that builders use. */
  asHost(): Host {
    return this as unknown as Host;
  }

  async facts(): Promise<Pick<HostFacts, 'accelerator'>> {
    return { accelerator: 'tcg' };
  }

  async runtimeTemplate(runtime: Template['runtime'], shape: Template['shape']): Promise<Template> {
    const now = new Date().toISOString();
    return { id: `t_${runtime}`, shape, runtime, labels: {}, diskBytes: 0, sizeBytes: 0, createdAt: now, usedAt: now };
  }

  async thaw(request: ThawRequest): Promise<Vm> {
    const number = ++this.#count;
    const vm: Vm = {
      id: `i${number}`,
      template: request.template,
      shape: { memoryMiB: 1, vcpus: 1 },
      address: `127.66.${process.pid % 250}.${number}`,
      labels: request.labels,
      startedAt: new Date().toISOString(),
      phases: {},
      asleep: false,
    };
    const root = await mkdtemp(join(tmpdir(), 'thaw-process-vm-'));
    this.machines.set(vm.id, { vm, root, logs: [] });
    await mkdir(join(root, 'app'));
    const image = this.#images.get(request.template);
    if (image === undefined) return vm;
    await cp(image.root, root, { recursive: true });
    if (image.started) await this.startProcess(vm.id, image.started);
    if (image.port !== undefined) await this.waitListening(vm.id, image.port, 10_000);
    return vm;
  }

  async end(id: string): Promise<void> {
    const machine = this.machines.get(id);
    if (!machine) return;
    this.machines.delete(id);
    const { process: child } = machine;
    if (child && child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    await rm(machine.root, { recursive: true, force: true });
  }

  async freeze(id: string, { labels }: { labels: Record<string, string> }): Promise<Template> {
    const { vm, root, started, port } = this.#machine(id);
    const template: Template = { ...(await this.runtimeTemplate('node', vm.shape)), id: `t_${vm.id}`, labels };
    const image = await mkdtemp(join(tmpdir(), 'thaw-process-template-'));
    await cp(root, image, { recursive: true });
    this.#images.set(template.id, { root: image, ...(started && { started }), ...(port && { port }) });
    await this.end(id);
    this.frozen.set(template.id, template);
    return template;
  }

  async templates(): Promise<Template[]> {
    return [...this.frozen.values()];
  }

  async removeTemplate(id: string): Promise<void> {
    this.frozen.delete(id);
    const image = this.#images.get(id);
    this.#images.delete(id);
    if (image) await rm(image.root, { recursive: true, force: true });
  }

  async putTree(id: string, path: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    if (path === '/app/src') await this.#pass(signal);
    const target = this.#inside(id, path);
    await mkdir(target, { recursive: true });
    const child = spawn('tar', ['-x', '-C', target, '--no-same-owner'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const closed = once(child, 'close');
    // tar stops reading at the end mark; padding after it has nowhere to go.
    child.stdin.on('error', () => {});
    try {
      for await (const chunk of tar) {
        signal?.throwIfAborted();
        if (child.stdin.writable && !child.stdin.write(chunk)) await Promise.race([once(child.stdin, 'drain'), closed]);
      }
    } finally {
      child.stdin.end();
    }
    if ((await closed)[0] !== 0) throw new ThawError('unprocessable', 'not a tar stream');
  }

  async *getTree(id: string, path: string): AsyncGenerator<Uint8Array> {
    const child = spawn('tar', ['-c', '-C', this.#inside(id, path), '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    yield* child.stdout;
  }

  async startProcess(id: string, request: ProcessRequest): Promise<void> {
    const machine = this.#machine(id);
    const child = this.#spawn(id, request.argv, request.env, request.cwd ?? '/app');
    machine.process = child;
    machine.started = request;
    for (const stream of ['stdout', 'stderr'] as const) {
      const input = child[stream];
      if (!input) continue;
      createInterface({ input }).on('line', (line) => {
        machine.logs.push({ seq: machine.logs.length + 1, time: new Date().toISOString(), stream, line });
      });
    }
  }

  async waitListening(id: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<Listening> {
    const { process: child, vm } = this.#machine(id);
    for (const end = performance.now() + timeoutMs; performance.now() < end; ) {
      signal?.throwIfAborted();
      if (child && (child.exitCode !== null || child.signalCode !== null)) {
        return { listening: false, exited: { code: child.exitCode, signal: child.signalCode } };
      }
      const socket = connect(port, vm.address);
      const open = await Promise.race([
        once(socket, 'connect').then(
          () => true,
          () => false,
        ),
      ]);
      socket.destroy();
      if (open) {
        this.#machine(id).port = port;
        return { listening: true };
      }
      await sleep(10);
    }
    return { listening: false, timedOut: true };
  }

  async *logs(id: string): AsyncGenerator<GuestLogLine> {
    const { process: child, logs } = this.#machine(id);
    if (child && child.exitCode !== null && !child.stderr?.closed) await once(child, 'close');
    yield* logs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.machines.keys()) await this.end(id);
    for (const id of this.#images.keys()) await this.removeTemplate(id);
  }

  async #pass(signal: AbortSignal | undefined): Promise<void> {
    this.builds++;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => reject(signal.reason));
    this.holding = true;
    await Promise.race([this.gate, aborted]).finally(() => {
      this.holding = false;
    });
  }

  #machine(id: string): Machine {
    const machine = this.machines.get(id);
    if (!machine) throw new ThawError('not_found', 'There is no such VM.');
    return machine;
  }

  #inside(id: string, path: string): string {
    return path
      .replace(/^\/(?=app\b|opt\b)/, `${this.#machine(id).root}/`)
      .replace(/^\/usr\/local\/lib\/node_modules/, MODULES);
  }

  #spawn(id: string, argv: string[], given: Record<string, string>, cwd: string): ChildProcess {
    const { THAW_SOCKET: _socket, THAW_RENEWAL: _renewal, ...env } = given;
    const [file = '', ...rest] = argv.map((argument) => this.#inside(id, argument));
    return spawn(file === 'node' ? process.execPath : file, rest, {
      cwd: this.#inside(id, cwd),
      env: { PATH: process.env.PATH, NODE_OPTIONS: `--import ${listenOnlyAt(this.#machine(id).vm.address)}`, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}
