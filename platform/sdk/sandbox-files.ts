import { errorFromBody, ThawApiError } from './error.ts';
import type { FileChange, FileEntry } from './sandbox-types.ts';
import type { CallOptions, Transport } from './transport.ts';

/** What can be sent: bytes, text, or a stream of bytes whose size is known. */
export type FileContent = string | Uint8Array | Blob;

export interface WriteOptions extends CallOptions {
  /** Permissions; default 0o644. */
  mode?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /** Who reads; default `app`. */
  user?: 'app' | 'root' | undefined;
}

export interface MakeOptions extends CallOptions {
  /** Whose what is made will be; default `app`. */
  user?: 'app' | 'root' | undefined;
}

/** Files of one sandbox. Paths are absolute. */
export class SandboxFiles {
  readonly #transport: Transport;
  readonly #path: readonly string[];

  constructor(transport: Transport, id: string) {
    this.#transport = transport;
    this.#path = ['v1', 'sandboxes', id];
  }

  /** A whole file as bytes. */
  async readBytes(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.stream(path, options)) chunks.push(chunk);
    const bytes = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }

  /** A whole file as text, in UTF-8. */
  async read(path: string, options: ReadOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.readBytes(path, options));
  }

  /** The bytes of a file as they come, however large it is. */
  stream(path: string, { user, ...call }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#transport.bytes({ ...call, path: [...this.#path, 'files'], query: { path, user } });
  }

  /** Writes a file; directories on the way are made. It belongs to the user `app`. */
  async write(path: string, content: FileContent, { mode, ...call }: WriteOptions = {}): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    await this.#transport.json({
      ...call,
      method: 'PUT',
      path: [...this.#path, 'files'],
      query: { path, mode: mode === undefined ? undefined : mode.toString(8).padStart(3, '0') },
      body: { type: 'application/octet-stream', bytes },
      unlimited: true,
    });
  }

  /** What is at a path. @throws ThawApiError `not_found` */
  async stat(path: string, options: CallOptions = {}): Promise<FileEntry> {
    return await this.#transport.json({ ...options, path: [...this.#path, 'files', 'stat'], query: { path } });
  }

  /** Whether there is anything at a path. */
  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof ThawApiError && error.code === 'not_found') return false;
      throw error;
    }
  }

  /** What is in a directory, by name; with `depth` also in those below, each before what is in it. */
  async list(path: string, { depth, ...call }: CallOptions & { depth?: number } = {}): Promise<FileEntry[]> {
    const { entries } = await this.#transport.json<{ entries: FileEntry[] }>({
      ...call,
      path: [...this.#path, 'files', 'list'],
      query: { path, depth },
    });
    return entries;
  }

  /** Makes a directory, and those above it. @throws ThawApiError `conflict` when it is there */
  async makeDirectory(path: string, { user, ...call }: MakeOptions = {}): Promise<FileEntry> {
    const at = [...this.#path, 'files', 'directories'];
    return await this.#transport.json({ ...call, method: 'POST', path: at, json: { path, user } });
  }

  /** Moves a file or a directory; directories above the new path are made, a file that is there is replaced. */
  async move(from: string, to: string, { user, ...call }: MakeOptions = {}): Promise<FileEntry> {
    const at = [...this.#path, 'files', 'move'];
    return await this.#transport.json({ ...call, method: 'POST', path: at, json: { from, to, user } });
  }

  /** Removes a file, or a directory with all that is in it. @throws ThawApiError `not_found` */
  async remove(path: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: [...this.#path, 'files'], query: { path } });
  }

  /**
   * What happens in a directory, with `recursive` also in those below. Nothing is missed from when this resolves; leaving the
   * loop ends it.
   */
  async watch(
    path: string,
    { recursive, ...call }: CallOptions & { recursive?: boolean } = {},
  ): Promise<AsyncGenerator<FileChange, void, undefined>> {
    const changes = this.#changes(path, recursive === true, call);
    await changes.next();
    return changes as AsyncGenerator<FileChange, void, undefined>;
  }

  async *#changes(path: string, recursive: boolean, call: CallOptions) {
    type Told = FileChange | { type: 'watching' } | { type: 'failed' };
    const query = { path, recursive: String(recursive) };
    for await (const told of this.#transport.lines<Told>({ ...call, path: [...this.#path, 'files', 'watch'], query })) {
      if (told.type === 'failed') throw errorFromBody(told, 200, undefined);
      yield told;
    }
  }

  /** What is beneath a directory, as a tar. */
  download(path: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#transport.bytes({ ...options, path: [...this.#path, 'tree'], query: { path } });
  }

  /** Unpacks a tar in a directory, which is made. */
  async upload(
    path: string,
    tar: AsyncIterable<Uint8Array> | Uint8Array | Blob,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#transport.json({
      ...options,
      method: 'PUT',
      path: [...this.#path, 'tree'],
      query: { path },
      body: { type: 'application/x-tar', bytes: tar },
      unlimited: true,
    });
  }
}
