/** What the Host contract says of commands that go on by themselves: they are started, and looked at when somebody wants to. */

/** Size of a terminal, in characters. */
export interface TerminalSize {
  cols: number;
  rows: number;
}

export interface CommandRequest {
  argv: string[];
  /** Besides what `setEnvironment` gave. */
  env?: Record<string, string>;
  /** Default `/app`; for `user` its home. */
  cwd?: string;
  /** Default `app`. */
  user?: 'app' | 'root' | 'user';
  /** Its streams are one terminal of this size. Absent: two pipes. */
  terminal?: TerminalSize;
  /** Whether input can be written; else it finds none. A terminal always has one. */
  stdin: boolean;
  /** Longest it may run, then it is killed with all that it started; 0 is no limit. */
  timeoutMs: number;
}

/** A command that runs in a VM, whoever started it. */
export interface RunningCommand {
  pid: number;
  argv: string[];
  /** As it was asked for. */
  cwd: string | null;
}

/**
 * What is told of a command. Positions count all bytes of its output from its start; the `start` event says where the output
 * that follows begins, which is later than what was asked for when that is not kept any more.
 */
export type CommandEvent =
  | { kind: 'start'; pid: number; position: number }
  | { kind: 'stdout' | 'stderr' | 'terminal'; data: Uint8Array }
  | { kind: 'exit'; code: number | null; signal: string | null; timedOut: boolean };

/** Commands of a VM that go on by themselves. Those that ended last are still told of. */
export interface CommandHost {
  /** Starts a command. Its newest output is kept, 256 KiB. @returns its process id @throws ThawError `unprocessable` */
  startCommand(vm: string, request: CommandRequest, signal?: AbortSignal): Promise<number>;
  /** Those that run, the oldest first. */
  commands(vm: string, signal?: AbortSignal): Promise<RunningCommand[]>;
  /**
   * What it wrote after position `after`, as far as that is kept, what it writes from now on, and how it ended. Who reads
   * slowly holds it up; who leaves does not end it.
   *
   * @throws ThawError `not_found` for a process that the agent does not know
   */
  commandOutput(vm: string, pid: number, after: number, signal?: AbortSignal): AsyncIterable<CommandEvent>;
  /**
   * Writes to its input as the bytes come, after what was written before; then ends the input when `end` is set.
   *
   * @throws ThawError `not_found`; `unprocessable` when it takes none
   */
  writeCommand(
    vm: string,
    pid: number,
    input: { bytes: AsyncIterable<Uint8Array>; end: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Sends a signal (`SIGTERM`) to its process group; `SIGKILL` to everything that it started. @throws ThawError `not_found`, `invalid_input` */
  signalCommand(vm: string, pid: number, name: string, signal?: AbortSignal): Promise<void>;
  /** @throws ThawError `not_found`; `unprocessable` without a terminal */
  resizeCommand(vm: string, pid: number, size: TerminalSize, signal?: AbortSignal): Promise<void>;
}
