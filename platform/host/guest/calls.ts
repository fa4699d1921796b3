import type { FileChange, FileEntry, FileHost, FileUser } from '../files.ts';
import type { CommandEvent, CommandHost, CommandRequest, RunningCommand, TerminalSize } from '../processes.ts';
import type { AgentCaller } from './call.ts';
import { commandOutput, listCommands, resizeCommand, signalCommand, startCommand, writeCommand } from './commands.ts';
import { entryOf, listFiles, readFile, removeFile, watchFiles } from './files.ts';

/** Commands and files of VMs, each a call of its agent. */
export abstract class GuestCalls implements CommandHost, FileHost {
  /** The agent of a VM that is awake. @throws ThawError `not_found`, `conflict` for one that sleeps */
  protected abstract caller(vm: string): AgentCaller;

  async startCommand(vm: string, request: CommandRequest, signal?: AbortSignal): Promise<number> {
    return startCommand(this.caller(vm), request, signal);
  }

  async commands(vm: string, signal?: AbortSignal): Promise<RunningCommand[]> {
    return listCommands(this.caller(vm), signal);
  }

  commandOutput(vm: string, pid: number, after: number, signal?: AbortSignal): AsyncIterable<CommandEvent> {
    return commandOutput(this.caller(vm), pid, after, signal);
  }

  async writeCommand(
    vm: string,
    pid: number,
    input: { bytes: AsyncIterable<Uint8Array>; end: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    await writeCommand(this.caller(vm), pid, input, signal);
  }

  async signalCommand(vm: string, pid: number, name: string, signal?: AbortSignal): Promise<void> {
    await signalCommand(this.caller(vm), pid, name, signal);
  }

  async resizeCommand(vm: string, pid: number, size: TerminalSize, signal?: AbortSignal): Promise<void> {
    await resizeCommand(this.caller(vm), pid, size, signal);
  }

  readFile(vm: string, path: string, user: FileUser, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return readFile(this.caller(vm), path, user, signal);
  }

  async statFile(vm: string, path: string, signal?: AbortSignal): Promise<FileEntry> {
    return entryOf(this.caller(vm), 'Stat', { path }, { signal });
  }

  async listFiles(vm: string, path: string, depth: number, signal?: AbortSignal): Promise<FileEntry[]> {
    return listFiles(this.caller(vm), path, depth, signal);
  }

  async makeDirectory(vm: string, path: string, user: FileUser, signal?: AbortSignal): Promise<FileEntry> {
    return entryOf(this.caller(vm), 'MakeDir', { path }, { user, signal });
  }

  async moveFile(vm: string, from: string, to: string, user: FileUser, signal?: AbortSignal): Promise<FileEntry> {
    return entryOf(this.caller(vm), 'Move', { source: from, destination: to }, { user, signal });
  }

  async removeFile(vm: string, path: string, signal?: AbortSignal): Promise<void> {
    await removeFile(this.caller(vm), path, signal);
  }

  watchFiles(
    vm: string,
    path: string,
    recursive: boolean,
    signal?: AbortSignal,
  ): AsyncIterable<FileChange | { type: 'watching' }> {
    return watchFiles(this.caller(vm), path, recursive, signal);
  }
}
