/** Work in sandboxes, in plain data: commands, files, code. Others see it by way of `contract.ts`. */

import type { TerminalSize } from '../host/contract.ts';

/** A command for a sandbox. */
export interface SandboxCommand {
  argv: string[];
  cwd?: string | undefined;
  user?: 'app' | 'root' | undefined;
  /** Besides those of the sandbox, before which they go. */
  env?: Record<string, string> | undefined;
  timeoutMs: number;
  /** Output past this is dropped, and `truncated` is set. */
  maxOutputBytes?: number | undefined;
}

/** A command that goes on by itself; `timeoutMs` 0 is no limit. */
export interface BackgroundCommand extends Omit<SandboxCommand, 'maxOutputBytes'> {
  /** Its streams are a terminal. */
  terminal?: TerminalSize | undefined;
  /** Whether input can be written; a terminal always has one. */
  stdin?: boolean | undefined;
}

/** Code for the kernel of a code interpreter. */
export interface CodeRequest {
  code: string;
  /** Default `python`; which others there are is the image's to say. */
  language?: string | undefined;
  /** Variables of the environment for this call alone. */
  env?: Record<string, string> | undefined;
  /** After this it is interrupted. */
  timeoutMs: number;
}

/** What can be shown of a value, in each form that it has: text, or base64 of `png`, `jpeg` and `pdf`. */
export interface CodeResult {
  /** It is the value of the last expression, and not something that was displayed. */
  main: boolean;
  text?: string;
  html?: string;
  markdown?: string;
  svg?: string;
  png?: string;
  jpeg?: string;
  pdf?: string;
  latex?: string;
  javascript?: string;
  json?: unknown;
  /** Other forms, by their media types. */
  extra?: Record<string, unknown>;
}

/** What the code raised. */
export interface CodeError {
  name: string;
  value: string;
  traceback: string;
}

export type CodeEvent =
  /** It was taken, and runs when the calls before it are through. */
  | { type: 'start' }
  | { type: 'stdout' | 'stderr'; data: string }
  | ({ type: 'result' } & CodeResult)
  | ({ type: 'error' } & CodeError)
  /** The last one; `truncated`: something was dropped. */
  | { type: 'end'; executionCount: number | null; truncated: boolean };
