import type { Volume, VolumeSnapshot } from '../volumes/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { Volume, VolumeHolder, VolumeMount, VolumeSnapshot } from '../volumes/contract.ts';

/** Copies take as long as copying does where the server's file system cannot share blocks. */
const COPY_LIMIT_MS = 30 * 60_000;

export interface VolumeCallOptions extends CallOptions {
  /** For an admin key; default: `default`. */
  project?: string | undefined;
}

/** Volumes: disks that outlive what they are mounted in. */
export class Volumes {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes an empty one. */
  async create(name: string, sizeMiB: number, { project, ...call }: VolumeCallOptions = {}): Promise<Volume> {
    const json = { name, sizeMiB, project };
    return await this.#transport.json({ ...call, method: 'POST', path: ['v1', 'volumes'], json });
  }

  /** Those that the key may see. */
  async list(options: CallOptions = {}): Promise<Volume[]> {
    const { volumes } = await this.#transport.json<{ volumes: Volume[] }>({ ...options, path: ['v1', 'volumes'] });
    return volumes;
  }

  async get(name: string, { project, ...call }: VolumeCallOptions = {}): Promise<Volume> {
    return await this.#transport.json({ ...call, path: ['v1', 'volumes', name], query: { project } });
  }

  /** Removes it with its snapshots, unless it is attached or in use. */
  async remove(name: string, { project, ...call }: VolumeCallOptions = {}): Promise<void> {
    await this.#transport.json({ ...call, method: 'DELETE', path: ['v1', 'volumes', name], query: { project } });
  }

  /** Gives it to the next deployments of an app, besides what its `thaw.toml` mounts. */
  async attach(
    name: string,
    to: { app: string; path: string },
    { project, ...call }: VolumeCallOptions = {},
  ): Promise<Volume> {
    const path = ['v1', 'volumes', name, 'attachment'];
    return await this.#transport.json({ ...call, method: 'PUT', path, query: { project }, json: to });
  }

  /** Takes it away from the next deployments of its app; refused while it is in use. */
  async detach(name: string, { project, ...call }: VolumeCallOptions = {}): Promise<Volume> {
    const path = ['v1', 'volumes', name, 'attachment'];
    return await this.#transport.json({ ...call, method: 'DELETE', path, query: { project } });
  }

  /** Makes it larger, also while it is in use. */
  async resize(name: string, sizeMiB: number, { project, ...call }: VolumeCallOptions = {}): Promise<Volume> {
    const path = ['v1', 'volumes', name];
    return await this.#transport.json({ ...call, method: 'PATCH', path, query: { project }, json: { sizeMiB } });
  }

  /** Keeps it as it is now; who has it goes on. */
  async snapshot(
    name: string,
    snapshot: string,
    { project, ...call }: VolumeCallOptions = {},
  ): Promise<VolumeSnapshot> {
    const path = ['v1', 'volumes', name, 'snapshots'];
    const json = { name: snapshot };
    return await this.#copy({ ...call, method: 'POST', path, query: { project }, json });
  }

  /** Newest first. */
  async snapshots(name: string, { project, ...call }: VolumeCallOptions = {}): Promise<VolumeSnapshot[]> {
    const path = ['v1', 'volumes', name, 'snapshots'];
    const answer = await this.#transport.json<{ snapshots: VolumeSnapshot[] }>({ ...call, path, query: { project } });
    return answer.snapshots;
  }

  async removeSnapshot(name: string, snapshot: string, { project, ...call }: VolumeCallOptions = {}): Promise<void> {
    const path = ['v1', 'volumes', name, 'snapshots', snapshot];
    await this.#transport.json({ ...call, method: 'DELETE', path, query: { project } });
  }

  /** Makes it what it was. With `stop` an app that has it is stopped for that, and starts again with the next request. */
  async restore(
    name: string,
    snapshot: string,
    { project, stop, ...call }: VolumeCallOptions & { stop?: boolean | undefined } = {},
  ): Promise<Volume> {
    const path = ['v1', 'volumes', name, 'snapshots', snapshot, 'restore'];
    const query = { project, stop: stop === true ? '1' : undefined };
    return await this.#copy({ ...call, method: 'POST', path, query });
  }

  /** Makes another one of it, as it is now or as it was at a snapshot. */
  async clone(
    name: string,
    to: string,
    { project, snapshot, ...call }: VolumeCallOptions & { snapshot?: string | undefined } = {},
  ): Promise<Volume> {
    const path = ['v1', 'volumes', name, 'clones'];
    const json = { name: to, snapshot };
    return await this.#copy({ ...call, method: 'POST', path, query: { project }, json });
  }

  /** A raw ext4 image, packed with gzip, as it comes. */
  export(name: string, { project, ...call }: VolumeCallOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#transport.bytes({ ...call, path: ['v1', 'volumes', name, 'image'], query: { project } });
  }

  /** Makes one of such an image. */
  async import(
    name: string,
    image: AsyncIterable<Uint8Array> | Uint8Array | Blob,
    { project, ...call }: VolumeCallOptions = {},
  ): Promise<Volume> {
    const path = ['v1', 'volumes', name, 'image'];
    const body = { type: 'application/gzip', bytes: image };
    return await this.#transport.json({ ...call, method: 'PUT', path, query: { project }, body, unlimited: true });
  }

  #copy<T>(call: Parameters<Transport['json']>[0]): Promise<T> {
    return this.#transport.json<T>({ ...call, timeoutMs: COPY_LIMIT_MS });
  }
}
