import { createHash } from 'node:crypto';
import type { CachedInstall } from '../platform/control/contract.ts';
import { toThawError } from '../platform/errors.ts';
import type { Host, Template } from '../platform/host/contract.ts';
import type { Log } from '../platform/log.ts';

/** Labels of a cached builder. */
const KEY = 'build-cache';
const PROJECT = 'project';
const APP = 'app';

/**
 * Builder VMs that were frozen right after they had installed an app's packages. A later build with the same manifests is
 * thawed from there and begins with its build step. They are templates of the host like others, so nothing else keeps books.
 *
 * A project never gets what another one's code has installed: install scripts of packages run in there.
 */
export class BuildCache {
  readonly #host: Host;
  readonly #log: Log;
  readonly #mostBytes: number;

  /** @param mostBytes kept on disk; the least recently used go first */
  constructor(host: Host, log: Log, mostBytes: number) {
    this.#host = host;
    this.#log = log;
    this.#mostBytes = mostBytes;
  }

  /** @param builder id of the template that builders are thawed from @param install what the install depends on, as the builder tells it */
  key(project: string, builder: string, install: string): string {
    return createHash('sha256')
      .update(JSON.stringify([project, builder, install]))
      .digest('hex')
      .slice(0, 24);
  }

  /** The frozen builder of a key. */
  async find(key: string): Promise<Template | undefined> {
    return (await this.#host.templates()).find(({ labels }) => labels[KEY] === key);
  }

  /** Freezes a builder that has just installed. The VM is gone afterwards, also on failure. */
  async keep(vm: string, key: string, owner: { project: string; app: string }, signal: AbortSignal): Promise<Template> {
    const labels = { [KEY]: key, [PROJECT]: owner.project, [APP]: owner.app };
    const template = await this.#host.freeze(vm, { labels }, signal);
    await this.#bound(template.id);
    return template;
  }

  async drop({ id }: Pick<Template, 'id'>): Promise<void> {
    await this.#host.removeTemplate(id);
  }

  /** Entries of one project, or all; the most recently used first. */
  async list(project: string | null): Promise<CachedInstall[]> {
    const all = (await this.#entries()).filter(({ labels }) => project === null || labels[PROJECT] === project);
    return all.map(({ labels, sizeBytes, createdAt, usedAt }) => ({
      key: labels[KEY] ?? '',
      project: labels[PROJECT] ?? '',
      app: labels[APP] ?? '',
      sizeBytes,
      createdAt,
      lastUsedAt: usedAt,
    }));
  }

  /** Removes all entries of a project, of one of its apps, or of everyone. Returns how many. */
  async clear(project: string | null, app?: string): Promise<number> {
    const chosen = (await this.#entries()).filter(
      ({ labels }) => (project === null || labels[PROJECT] === project) && (app === undefined || labels[APP] === app),
    );
    for (const entry of chosen) await this.drop(entry);
    return chosen.length;
  }

  async #entries(): Promise<Template[]> {
    const all = (await this.#host.templates()).filter(({ labels }) => labels[KEY] !== undefined);
    return all.toSorted((a, b) => (a.usedAt < b.usedAt ? 1 : -1));
  }

  /** The one just made stays even when it alone is too large: the build that made it goes on from it. */
  async #bound(newest: string): Promise<void> {
    let bytes = 0;
    for (const entry of await this.#entries()) {
      bytes += entry.sizeBytes;
      if (bytes <= this.#mostBytes || entry.id === newest) continue;
      this.#log.info({ template: entry.id, bytes: entry.sizeBytes }, 'a cached install goes: the build cache is full');
      await this.drop(entry).catch((error: unknown) =>
        this.#log.warn({ err: toThawError(error) }, 'it could not be removed'),
      );
    }
  }
}
