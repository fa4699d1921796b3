import { setTimeout as delay } from 'node:timers/promises';
import type { BackupStore, NewFile, StoredFile } from '../store.ts';
import { readPage } from './listing.ts';
import type { BucketPlace } from './place.ts';
import { isPassing, refusal } from './refusal.ts';
import { broken, send } from './request.ts';
import { inTries } from './tries.ts';

/** Objects that are removed at once: each is a request of its own, which every store knows. */
const REMOVED_AT_ONCE = 8;
/** Times that reading one object may break off without a byte in between. */
const BREAKS_MOST = 4;
const BREAK_MS = 500;

/** Backups in a bucket of an S3-compatible store. */
export class BucketStore implements BackupStore {
  readonly #place: BucketPlace;

  constructor(place: BucketPlace) {
    this.#place = place;
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#page({ 'max-keys': '1' }, '', signal);
  }

  async list(folder: string, signal: AbortSignal): Promise<Map<string, StoredFile>> {
    const root = `${folder}/`;
    const from = this.#key(root).length;
    const files = new Map<string, StoredFile>();
    for (let next: string | undefined = ''; next !== undefined; ) {
      const page = await this.#page(next === '' ? {} : { 'continuation-token': next }, root, signal);
      for (const { key, bytes } of page.files) files.set(key.slice(from), { bytes });
      next = page.next;
    }
    return files;
  }

  async put(path: string, { bytes, content }: NewFile, signal: AbortSignal): Promise<void> {
    await inTries(async () => {
      await using over = new AsyncDisposableStack();
      const ended = new AbortController();
      // A request that fails leaves what it sent unread.
      over.defer(() => ended.abort());
      let broke: { error: unknown } | undefined;
      const noted = async function* () {
        try {
          yield* content(AbortSignal.any([signal, ended.signal]));
        } catch (error) {
          broke = { error };
          throw error;
        }
      };
      try {
        const answer = await this.#send(
          { method: 'PUT', key: this.#key(path), body: { bytes, content: noted() } },
          signal,
        );
        await answer.body?.cancel();
      } catch (error) {
        throw broke === undefined ? error : broke.error;
      }
    }, signal);
  }

  /** A connection that breaks off is taken up where it was. */
  async *get(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const key = this.#key(path);
    let at = 0;
    for (let breaks = 0; ; breaks += 1) {
      try {
        const answer = await inTries(() => this.#send({ method: 'GET', key, from: at }, signal), signal);
        if (at > 0 && answer.status !== 206) throw refusal({ status: answer.status, code: 'no part' }, `GET ${key}`);
        for await (const chunk of answer.body ?? []) {
          at += chunk.byteLength;
          breaks = 0;
          yield chunk;
        }
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = broken(`GET ${key}`, thrown);
        if (!isPassing(error) || breaks >= BREAKS_MOST) throw error;
      }
      await delay(BREAK_MS, undefined, { signal });
    }
  }

  async remove(paths: readonly string[], signal: AbortSignal): Promise<void> {
    const left = [...paths];
    const next = async () => {
      for (let path = left.shift(); path !== undefined; path = left.shift()) {
        const key = this.#key(path);
        await inTries(async () => (await this.#send({ method: 'DELETE', key }, signal)).body?.cancel(), signal);
      }
    };
    await Promise.all(Array.from({ length: REMOVED_AT_ONCE }, next));
  }

  #page(query: Record<string, string>, folder: string, signal: AbortSignal) {
    const wanted = { 'list-type': '2', prefix: this.#key(folder), ...query };
    return inTries(async () => {
      const answer = await this.#send({ method: 'GET', key: '', query: wanted }, signal);
      const text = await answer.text().catch((error: unknown) => {
        signal.throwIfAborted();
        throw broken('a list of objects', error);
      });
      return readPage(text);
    }, signal);
  }

  #send(wanted: Parameters<typeof send>[1], signal: AbortSignal): Promise<Response> {
    return send(this.#place, wanted, signal);
  }

  #key(path: string): string {
    return `${this.#place.prefix}${path}`;
  }
}
