import type { CommandEvent, ExecEvent, RunningCommand, TerminalSize } from '../host/contract.ts';
import type { BackgroundCommand, SandboxCommand } from './contract.ts';
import type { SandboxesParts } from './parts.ts';
import type { Using } from './using.ts';

type Parts = Pick<SandboxesParts, 'host'>;

/** Commands in sandboxes. Each call finds its sandbox awake; `project` null = of any. */
export class SandboxCommands {
  readonly #host: SandboxesParts['host'];
  readonly #using: Using;

  constructor({ host }: Parts, using: Using) {
    this.#host = host;
    this.#using = using;
  }

  /** Runs a command to its end; it ends with whoever reads this. @throws ThawError `unprocessable` when it cannot be started */
  async *run(
    id: string,
    project: string | null,
    { env, ...command }: SandboxCommand,
    signal: AbortSignal,
  ): AsyncGenerator<ExecEvent> {
    const live = await this.#using.awake(id, project, signal);
    const request = { ...given(command), env: { ...live.record.environment, ...env } };
    yield* this.#using.each(live, signal, (both) => this.#host.exec(live.vm, request, both));
  }

  /** Starts one that goes on by itself. @returns its process id @throws ThawError `unprocessable` */
  async start(
    id: string,
    project: string | null,
    { env, stdin = false, ...command }: BackgroundCommand,
    signal: AbortSignal,
  ): Promise<number> {
    const live = await this.#using.awake(id, project, signal);
    const request = { ...given(command), stdin, env: { ...live.record.environment, ...env } };
    return this.#using.answer(live, signal, (both) => this.#host.startCommand(live.vm, request, both));
  }

  /** All that run, however they were started. */
  async list(id: string, project: string | null, signal: AbortSignal): Promise<RunningCommand[]> {
    const live = await this.#using.awake(id, project, signal);
    return this.#using.answer(live, signal, (both) => this.#host.commands(live.vm, both));
  }

  /** What one wrote after position `after`, what it writes, and how it ended. @throws ThawError `not_found` */
  async *output(
    id: string,
    project: string | null,
    { pid, after }: { pid: number; after: number },
    signal: AbortSignal,
  ): AsyncGenerator<CommandEvent> {
    const live = await this.#using.awake(id, project, signal);
    yield* this.#using.each(live, signal, (both) => this.#host.commandOutput(live.vm, pid, after, both));
  }

  /** Writes to its input, and ends that with `end`. @throws ThawError `not_found`; `unprocessable` when it takes none */
  async write(
    id: string,
    project: string | null,
    { pid, ...input }: { pid: number; bytes: AsyncIterable<Uint8Array>; end: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const live = await this.#using.awake(id, project, signal);
    await this.#using.answer(live, signal, (both) => this.#host.writeCommand(live.vm, pid, input, both));
  }

  /** Sends a signal to its process group; `SIGKILL` to all that it started. @throws ThawError `not_found` */
  async signal(
    id: string,
    project: string | null,
    { pid, name }: { pid: number; name: string },
    signal: AbortSignal,
  ): Promise<void> {
    const live = await this.#using.awake(id, project, signal);
    await this.#using.answer(live, signal, (both) => this.#host.signalCommand(live.vm, pid, name, both));
  }

  /** @throws ThawError `not_found`; `unprocessable` without a terminal */
  async resize(
    id: string,
    project: string | null,
    { pid, ...size }: { pid: number } & TerminalSize,
    signal: AbortSignal,
  ): Promise<void> {
    const live = await this.#using.awake(id, project, signal);
    await this.#using.answer(live, signal, (both) => this.#host.resizeCommand(live.vm, pid, size, both));
  }
}

/** Without what is undefined: for parts of a contract where absent is the default. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof given<T>
  >;
}
