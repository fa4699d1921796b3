import type { CommandEvent, ExecEvent, FileChange, FileEntry, RunningCommand, TerminalSize } from '../host/contract.ts';
import type { BackgroundCommand, CodeEvent, CodeRequest, SandboxCommand } from '../sandboxes/contract.ts';

/** Commands of sandboxes, as the API needs them; `project` as for all of `Sandboxes`. */
export interface Commands {
  run(id: string, project: string | null, command: SandboxCommand, signal: AbortSignal): AsyncIterable<ExecEvent>;
  start(id: string, project: string | null, command: BackgroundCommand, signal: AbortSignal): Promise<number>;
  list(id: string, project: string | null, signal: AbortSignal): Promise<RunningCommand[]>;
  output(
    id: string,
    project: string | null,
    from: { pid: number; after: number },
    signal: AbortSignal,
  ): AsyncIterable<CommandEvent>;
  write(
    id: string,
    project: string | null,
    input: { pid: number; bytes: AsyncIterable<Uint8Array>; end: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  signal(id: string, project: string | null, sent: { pid: number; name: string }, signal: AbortSignal): Promise<void>;
  resize(id: string, project: string | null, size: { pid: number } & TerminalSize, signal: AbortSignal): Promise<void>;
}

/** The file tree of sandboxes. */
export interface FileTree {
  stat(id: string, project: string | null, path: string, signal: AbortSignal): Promise<FileEntry>;
  list(
    id: string,
    project: string | null,
    which: { path: string; depth: number },
    signal: AbortSignal,
  ): Promise<FileEntry[]>;
  makeDirectory(
    id: string,
    project: string | null,
    which: { path: string; user: 'app' | 'root' },
    signal: AbortSignal,
  ): Promise<FileEntry>;
  move(
    id: string,
    project: string | null,
    move: { from: string; to: string; user: 'app' | 'root' },
    signal: AbortSignal,
  ): Promise<FileEntry>;
  remove(id: string, project: string | null, path: string, signal: AbortSignal): Promise<void>;
  watch(
    id: string,
    project: string | null,
    which: { path: string; recursive: boolean },
    signal: AbortSignal,
  ): AsyncIterable<FileChange | { type: 'watching' }>;
}

/** Code in the kernels of sandboxes. */
export interface Code {
  run(id: string, project: string | null, request: CodeRequest, signal: AbortSignal): AsyncIterable<CodeEvent>;
}
