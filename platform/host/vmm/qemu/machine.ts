import { createWriteStream } from 'node:fs';
import { chmod, open, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ThawError } from '../../../errors.ts';
import type { Machine, MachineEnd, MachineRecord } from '../contract.ts';
import { killRecorded, raiseFileLimit } from '../process.ts';
import { dataNode, JAIL_PATHS } from './arguments.ts';
import type { Monitor } from './monitor.ts';

const STATE_SOCKET = 'state.sock';

/** One QEMU process and its monitor. */
export class QemuMachine implements Machine {
  readonly record: MachineRecord;
  readonly ended: Promise<MachineEnd>;
  readonly #monitor: Monitor;
  readonly #directory: string;

  constructor(directory: string, record: MachineRecord, monitor: Monitor, ended: Promise<MachineEnd>) {
    this.#directory = directory;
    this.record = record;
    this.#monitor = monitor;
    this.ended = ended;
  }

  async resume(): Promise<void> {
    await this.#monitor.execute('cont');
  }

  async pause(): Promise<void> {
    await this.#monitor.execute('stop');
  }

  /**
   * `stop`, then `migrate` to a unix socket that this process reads. RAM is a
   * shared file and left out (x-ignore-shared), so tens of kilobytes arrive.
   */
  async save(file: string, signal?: AbortSignal): Promise<void> {
    const socketPath = join(this.#directory, 'io', STATE_SOCKET);
    await rm(socketPath, { force: true });
    const server = createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(socketPath, resolve);
      });
      await chmod(socketPath, 0o666); // the VMM's user differs per VM; the directory is closed to all others
      const received = new Promise<void>((resolve, reject) => {
        server.once('connection', (socket) => pipeline(socket, createWriteStream(file)).then(resolve, reject));
      });
      received.catch(() => {});
      await this.pause();
      await this.#migrate(`unix:${JAIL_PATHS.io}/${STATE_SOCKET}`, 'migrate', signal);
      await received;
      await using handle = await open(file, 'r+');
      await handle.sync();
    } finally {
      server.close();
      await rm(socketPath, { force: true });
    }
  }

  async resizeData(index: number, bytes: number): Promise<void> {
    await raiseFileLimit(this.record.pid, bytes);
    await this.#monitor.execute('block_resize', { 'node-name': dataNode(index), size: bytes });
  }

  /** Loads state from an inherited descriptor. The machine is paused afterwards. */
  async load(uri: string, signal?: AbortSignal): Promise<void> {
    await this.#migrate(uri, 'migrate-incoming', signal);
  }

  async console(): Promise<string> {
    const text = await this.#monitor.execute('ringbuf-read', { device: 'console', size: 65_536 });
    return String(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killRecorded(this.record);
    await this.#monitor[Symbol.asyncDispose]();
    await this.ended;
  }

  /** Runs one migration to its end; commands are sent ahead so that one round trip is enough. */
  async #migrate(uri: string, command: 'migrate' | 'migrate-incoming', signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    done.catch(() => {});
    const stopListening = this.#monitor.onEvent((name, data) => {
      if (name !== 'MIGRATION') return;
      if (data.status === 'completed') resolve();
      if (data.status === 'failed') reject(new ThawError('thaw_failed', 'The VMM could not move the VM state.'));
    });
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#monitor.closed.then(() => reject(new ThawError('thaw_failed', 'The VMM ended while the VM state moved.')));
    try {
      await Promise.all([
        this.#monitor.execute('migrate-set-capabilities', {
          capabilities: [
            { capability: 'x-ignore-shared', state: true },
            { capability: 'events', state: true },
          ],
        }),
        this.#monitor.execute('migrate-set-parameters', { 'announce-rounds': 0 }),
        this.#monitor.execute(command, { uri }),
        done,
      ]);
    } finally {
      stopListening();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
