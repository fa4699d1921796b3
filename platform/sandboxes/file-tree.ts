import type { FileChange, FileEntry } from '../host/contract.ts';
import { requirePath } from './files.ts';
import type { SandboxesParts } from './parts.ts';
import type { Using } from './using.ts';

/** Who makes what is made. */
type User = 'app' | 'root';

/** The file tree of sandboxes: what is there, and changes of it. Each call finds its sandbox awake; `project` null = of any. */
export class SandboxFileTree {
  readonly #host: SandboxesParts['host'];
  readonly #using: Using;

  constructor({ host }: Pick<SandboxesParts, 'host'>, using: Using) {
    this.#host = host;
    this.#using = using;
  }

  /** @throws ThawError `invalid_input` for a path that is none, `not_found` */
  async stat(id: string, project: string | null, path: string, signal: AbortSignal): Promise<FileEntry> {
    const at = requirePath(path);
    const live = await this.#using.awake(id, project, signal);
    return this.#using.answer(live, signal, (both) => this.#host.statFile(live.vm, at, both));
  }

  /** @throws ThawError `not_found`, `invalid_input` for what is no directory, `too_large` */
  async list(
    id: string,
    project: string | null,
    { path, depth }: { path: string; depth: number },
    signal: AbortSignal,
  ): Promise<FileEntry[]> {
    const at = requirePath(path);
    const live = await this.#using.awake(id, project, signal);
    return this.#using.answer(live, signal, (both) => this.#host.listFiles(live.vm, at, depth, both));
  }

  /** Makes a directory, and those above it. @throws ThawError `conflict` when it is there */
  async makeDirectory(
    id: string,
    project: string | null,
    { path, user }: { path: string; user: User },
    signal: AbortSignal,
  ): Promise<FileEntry> {
    const at = requirePath(path);
    const live = await this.#using.awake(id, project, signal);
    return this.#using.answer(live, signal, (both) => this.#host.makeDirectory(live.vm, at, user, both));
  }

  /** @throws ThawError `not_found`, `conflict`, `unprocessable` when it cannot be moved there */
  async move(
    id: string,
    project: string | null,
    move: { from: string; to: string; user: User },
    signal: AbortSignal,
  ): Promise<FileEntry> {
    const [from, to] = [requirePath(move.from), requirePath(move.to)];
    const live = await this.#using.awake(id, project, signal);
    return this.#using.answer(live, signal, (both) => this.#host.moveFile(live.vm, from, to, move.user, both));
  }

  /** Removes what is there, with all that is in it. @throws ThawError `not_found` */
  async remove(id: string, project: string | null, path: string, signal: AbortSignal): Promise<void> {
    const at = requirePath(path);
    const live = await this.#using.awake(id, project, signal);
    await this.#using.answer(live, signal, async (both) => {
      // Removing what is not there is no error of the agent.
      await this.#host.statFile(live.vm, at, both);
      await this.#host.removeFile(live.vm, at, both);
    });
  }

  /** What happens in a directory, from when this says `watching`. */
  async *watch(
    id: string,
    project: string | null,
    { path, recursive }: { path: string; recursive: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<FileChange | { type: 'watching' }> {
    const at = requirePath(path);
    const live = await this.#using.awake(id, project, signal);
    yield* this.#using.each(live, signal, (both) => this.#host.watchFiles(live.vm, at, recursive, both));
  }
}
