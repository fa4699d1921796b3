import type { FileChange, FileEntry, TerminalSize } from '../host/contract.ts';
import type { Sandbox as SandboxInfo, SandboxRequest } from '../sandboxes/contract.ts';
import type { CallOptions } from './transport.ts';

export type {
  CodeError,
  CodeResult,
  SandboxEgress,
  SandboxEndReason,
  SandboxEvent,
  SandboxState,
  SandboxTemplate,
  UsageSample,
} from '../sandboxes/contract.ts';
export type { FileChange, FileEntry, SandboxInfo, TerminalSize };

/** What a new sandbox is to be. */
export interface CreateOptions extends SandboxRequest, CallOptions {
  /** For an admin key; default: `default`. */
  project?: string | undefined;
}

export interface ExecOptions extends CallOptions {
  cwd?: string | undefined;
  /** Default `app`. */
  user?: 'app' | 'root' | undefined;
  /** Besides the sandbox's own. */
  env?: Record<string, string> | undefined;
  /** Longest the command may take, then it is killed with all that it started; default 60. */
  timeoutSeconds?: number | undefined;
  /** Output past this is dropped, and `truncated` is set; default 4 MiB. */
  maxOutputBytes?: number | undefined;
}

/** Told what a command writes, as it comes. */
export interface Listeners {
  onStdout?: ((text: string) => void) | undefined;
  onStderr?: ((text: string) => void) | undefined;
}

/** How a command ended. */
export interface Exit {
  /** Null when a signal ended it. */
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
  /** Part of the output was dropped. */
  truncated: boolean;
}

/** What a command wrote and how it ended. A command that fails is a result and no error. */
export interface CommandResult extends Exit {
  stdout: string;
  stderr: string;
}

/** What a running command tells. `Text` is a string, or bytes where they were asked for. */
export type CommandEvent<Text = string> = { type: 'stdout' | 'stderr'; data: Text } | ({ type: 'exit' } & Exit);

export interface StartOptions extends Omit<ExecOptions, 'timeoutSeconds' | 'maxOutputBytes'> {
  /** Longest it may run, then it is killed with all that it started; default: no limit. */
  timeoutSeconds?: number | undefined;
  /** Its streams are one terminal of this size. */
  terminal?: TerminalSize | undefined;
  /** Whether input can be written; default no. A terminal always has one. */
  stdin?: boolean | undefined;
}

/** A command that runs in a sandbox. */
export interface RunningCommand {
  pid: number;
  command: string[];
  cwd: string | null;
}

export interface OutputOptions extends CallOptions {
  /** Position behind which output is wanted; default 0, all that is kept. */
  after?: number | undefined;
}

/** What a command that goes on by itself tells. Positions count the bytes of its output from its start. */
export type OutputEvent<Text = string> =
  | { type: 'stdout' | 'stderr' | 'terminal'; data: Text; position: number }
  | ({ type: 'exit' } & Exit);
