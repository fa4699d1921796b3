import { toThawError } from '../../errors.ts';
import type { Host } from '../../host/contract.ts';
import type { GuestFile } from './guest-files.ts';
import { INSIDE, listGuestFiles, readGuestFile } from './guest-files.ts';
import { type NoteOwner, openNote, sealNote } from './note.ts';
import type { BackupStore, StoredFile } from './store.ts';
import { pack } from './tar.ts';

/** Put last, for they name the others. They are the only files that change. */
const INDEX = /\.info(\.copy)?$/;

type Guest = Pick<Host, 'exec' | 'putTree'>;

/**
 * The repositories of databases in a store: copies of what pgBackRest wrote inside, file by file. Its files are encrypted in the VM
 * and never change but for the indexes, so a copy needs no more than what is new. The server moves them: no guest gets near the store.
 */
export class Repositories {
  readonly #store: BackupStore;
  /** When indexes that were put had been changed, for stores that do not keep it. */
  readonly #indexes = new Map<string, number>();
  /** Notes as they are in the store: nobody else writes them. */
  readonly #notes = new Map<string, unknown>();

  constructor(store: BackupStore) {
    this.#store = store;
  }

  /** Looks whether backups can be kept. @throws ThawError that says what is to be done */
  check(signal: AbortSignal): Promise<void> {
    return this.#store.check(signal);
  }

  /** Makes the copy of a database's repository what is inside now. */
  async pull(host: Guest, vm: string, database: string, signal: AbortSignal): Promise<void> {
    const inside = await listGuestFiles(host, vm, signal);
    const kept = await this.#store.list(database, signal);
    const wanted = inside.filter((file) => this.#differs(file, kept.get(file.path), `${database}/${file.path}`));
    wanted.sort((a, b) => Number(INDEX.test(a.path)) - Number(INDEX.test(b.path)));
    for (const file of wanted) {
      const path = `${database}/${file.path}`;
      const content = (until: AbortSignal) => readGuestFile(host, vm, file, until);
      await this.#store.put(path, { ...file, content }, signal);
      if (INDEX.test(path)) this.#indexes.set(path, file.changedAt);
    }
    // What retention has removed goes when nothing names it any more.
    for (const { path } of inside) kept.delete(path);
    await this.#store.remove(pathsIn(database, kept), signal);
  }

  /** Puts the copy into a VM that has none, for a restore. */
  async push(host: Guest, vm: string, database: string, signal: AbortSignal): Promise<void> {
    const files = Array.from(await this.#store.list(database, signal), ([path, { bytes }]) => ({
      ...{ path, bytes },
      content: this.#store.get(`${database}/${path}`, signal),
    }));
    let broke: unknown;
    const tar = async function* () {
      try {
        yield* pack(files);
      } catch (error) {
        broke = error;
        throw error;
      }
    };
    await host.putTree(vm, INSIDE, tar(), signal).catch((error: unknown) => {
      throw broke ?? error;
    });
  }

  /** What was noted beside a repository. */
  async note(owner: NoteOwner, signal: AbortSignal): Promise<unknown> {
    if (this.#notes.has(owner.id)) return this.#notes.get(owner.id);
    const text = await this.#text(noteOf(owner.id), signal);
    const note = text === undefined ? undefined : openNote(owner, text);
    this.#notes.set(owner.id, note);
    return note;
  }

  async setNote(owner: NoteOwner, note: unknown, signal: AbortSignal): Promise<void> {
    const text = Buffer.from(sealNote(owner, note));
    const content = async function* () {
      yield text;
    };
    await this.#store.put(noteOf(owner.id), { bytes: text.byteLength, content }, signal);
    this.#notes.set(owner.id, note);
  }

  /** Removes a repository and its note, first what names the rest. */
  async remove(database: string, signal: AbortSignal): Promise<void> {
    this.#notes.delete(database);
    await this.#store.remove([noteOf(database)], signal);
    const kept = pathsIn(database, await this.#store.list(database, signal));
    await this.#store.remove(
      kept.sort((a, b) => Number(INDEX.test(b)) - Number(INDEX.test(a))),
      signal,
    );
    for (const path of kept) this.#indexes.delete(path);
  }

  #differs(file: GuestFile, kept: StoredFile | undefined, path: string): boolean {
    if (kept === undefined || kept.bytes !== file.bytes) return true;
    if (kept.changedAt !== undefined) return kept.changedAt !== file.changedAt;
    return INDEX.test(path) && this.#indexes.get(path) !== file.changedAt;
  }

  async #text(path: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return Buffer.concat(await Array.fromAsync(this.#store.get(path, signal))).toString('utf8');
    } catch (error) {
      if (toThawError(error).code === 'not_found') return undefined;
      throw error;
    }
  }
}

function noteOf(database: string): string {
  return `${database}.json`;
}

function pathsIn(database: string, files: ReadonlyMap<string, unknown>): string[] {
  return Array.from(files.keys(), (path) => `${database}/${path}`);
}
