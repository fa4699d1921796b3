import type { Sandbox as SandboxInfo, SandboxRequest } from '../sandboxes/contract.ts';
import type { CallOptions } from './transport.ts';

export type {
  SandboxEgress,
  SandboxEndReason,
  SandboxEvent,
  SandboxState,
  SandboxTemplate,
  UsageSample,
} from '../sandboxes/contract.ts';
export type { SandboxInfo };

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
