import type { Host, Template } from '../host/contract.ts';
import type { Log } from '../log.ts';
import { DATA, layOut, sql, startPostgres } from './guest.ts';
import { DEFAULT_DISK_MIB, LEAST_DISK_MIB } from './limits.ts';
import { DATABASE, passwordStatement } from './owner.ts';
import { newPassword, scramVerifier } from './password.ts';
import { SCRATCH_ROLE, TASKS_MOST } from './scratch.ts';

/** Raised when what a new database begins with is another, though the image is the same. */
const VERSION = '1';
/** Label of what it depends on. */
const KEY = 'database-template';
/** Label of the password that the owner has in it. */
const PASSWORD = 'database-password';
/** Sizes of disks in templates: a VM's own disk grows from the largest that it is not smaller than. */
const DISKS_MIB = [DEFAULT_DISK_MIB, LEAST_DISK_MIB] as const;
const MIB = 1024 * 1024;

/**
 * VMs in which Postgres runs, frozen: what new databases are thawed from. Starting it takes longer than all else. Each is
 * made when a database of its size is first wanted, and serves every server on this machine.
 */
export class DatabaseTemplates implements AsyncDisposable {
  readonly #host: Host;
  readonly #log: Log;
  readonly #random: (size: number) => Uint8Array;
  readonly #making = new Map<string, Promise<Template>>();
  readonly #closing = new AbortController();

  constructor(host: Host, random: (size: number) => Uint8Array, log: Log) {
    this.#host = host;
    this.#random = random;
    this.#log = log;
  }

  /**
   * @param bare the image without Postgres running, in the size that is wanted
   * @returns also the password that the owner has in it
   */
  async get(bare: Template, diskMiB: number): Promise<{ template: Template; password: string }> {
    const sizeMiB = DISKS_MIB.find((size) => size <= diskMiB) ?? LEAST_DISK_MIB;
    const key = `${VERSION} ${bare.id} ${sizeMiB}`;
    const making = this.#making.get(key) ?? this.#find(key).then((known) => known ?? this.#make(bare, sizeMiB, key));
    this.#making.set(key, making);
    const template = await making.finally(() => this.#making.delete(key));
    return { template, password: template.labels[PASSWORD] ?? '' };
  }

  /** Ends what is being made, and leaves nothing of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#making.values());
  }

  async #find(key: string): Promise<Template | undefined> {
    return (await this.#host.templates()).find(({ labels }) => labels[KEY] === key);
  }

  /** Goes on when the one who asked first has gone: the next one needs it. */
  async #make(bare: Template, sizeMiB: number, key: string): Promise<Template> {
    const host = this.#host;
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const began = performance.now();
    const labels = { role: SCRATCH_ROLE, [KEY]: key };
    const disk = await host.createDisk({ sizeBytes: sizeMiB * MIB, labels }, signal);
    try {
      const disks = [{ disk: disk.id, path: DATA, owner: 'app' as const }];
      const vm = await host.thaw(
        { template: bare.id, labels, egress: { mode: 'none' }, memory: 'own', tasksMax: TASKS_MOST, disks },
        signal,
      );
      try {
        await layOut(host, vm.id, signal);
        await startPostgres(host, vm.id, { shape: bare.shape, name: DATABASE, poolLater: true }, signal);
        // The first session of a database reads its catalogues, which are in memory then.
        const password = newPassword(this.#random);
        const verifier = await scramVerifier(password, this.#random);
        await sql(host, vm.id, DATABASE, `${passwordStatement(verifier)} CHECKPOINT;`, signal);
        const template = await host.freeze(
          vm.id,
          { labels: { [KEY]: key, [PASSWORD]: password }, shared: true },
          signal,
        );
        const ms = Math.round(performance.now() - began);
        this.#log.info(
          { memoryMiB: bare.shape.memoryMiB, sizeMiB, ms },
          'Postgres started and frozen for new databases',
        );
        return template;
      } finally {
        await host.end(vm.id);
      }
    } finally {
      await host.removeDisk(disk.id);
    }
  }
}
