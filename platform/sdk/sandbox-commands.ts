import { Command } from './command.ts';
import type { RunningCommand, StartOptions } from './sandbox-types.ts';
import type { CallOptions, Transport } from './transport.ts';

/**
 * Commands of one sandbox that go on by themselves: servers, terminals, long work.
 *
 * ```ts
 * const server = await sandbox.commands.start('npm run dev', { cwd: '/app' });
 * for await (const event of server.output()) if (event.type === 'stdout' && event.data.includes('ready')) break;
 * await server.kill();
 * ```
 */
export class SandboxCommands {
  readonly #transport: Transport;
  readonly #sandbox: string;

  constructor(transport: Transport, sandbox: string) {
    this.#transport = transport;
    this.#sandbox = sandbox;
  }

  /**
   * Starts a command. A line is for `/bin/sh`; a list is a program and its arguments. Its newest output is kept, 256 KiB.
   *
   * @throws ThawApiError `unprocessable` when it cannot be started
   */
  async start(command: string | readonly string[], { signal, ...options }: StartOptions = {}): Promise<Command> {
    const json = { ...options, command };
    const { pid } = await this.#transport.json<{ pid: number }>({ signal, method: 'POST', path: this.#path(), json });
    return this.connect(pid);
  }

  /** Those that run, however they were started; the oldest first. */
  async list(options: CallOptions = {}): Promise<RunningCommand[]> {
    const { commands } = await this.#transport.json<{ commands: RunningCommand[] }>({
      ...options,
      path: this.#path(),
    });
    return commands;
  }

  /** A command that was started before, here or elsewhere. Whether it is there shows when it is used. */
  connect(pid: number): Command {
    return new Command(this.#transport, this.#sandbox, pid);
  }

  #path(): string[] {
    return ['v1', 'sandboxes', this.#sandbox, 'commands'];
  }
}
