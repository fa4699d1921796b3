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
