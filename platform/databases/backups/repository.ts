import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { Host } from '../../host/contract.ts';

/** Where pgBackRest's repository is in a VM. */
const INSIDE = '/data/backup';
/** What pgBackRest calls its files. The list comes from a guest: nothing else becomes a path of this machine. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const LIST_LIMIT_MS = 60_000;
const MOST_FILES = 200_000;
/** Copied last: they name the others. */
const INDEX = /\.info(\.copy)?$/;

interface File {
  path: string;
  bytes: number;
  /** Whole seconds since 1970. */
  changedAt: number;
}

type Guest = Pick<Host, 'exec' | 'putTree'>;

/**
 * The repositories of databases on this machine: copies of what pgBackRest wrote inside, file by file. Its files are
 * encrypted in the VM and never change but for the indexes, so a copy needs no more than what is new.
 */
export class Repositories {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the copy of a database's repository what is inside now. */
  async pull(host: Guest, vm: string, database: string, signal: AbortSignal): Promise<void> {
    const root = this.#of(database);
    await mkdir(root, { recursive: true, mode: 0o700 });
    const [there, here] = [await listInside(host, vm, signal), await listHere(root)];
    const wanted = [...there.values()].filter((file) => differs(file, here.get(file.path)));
    wanted.sort((a, b) => Number(INDEX.test(a.path)) - Number(INDEX.test(b.path)));
    for (const file of wanted) await fetch(host, vm, file, root, signal);
    for (const path of here.keys()) if (!there.has(path)) await rm(join(root, path), { force: true });
  }

  /** Puts the copy into a VM that has none, for a restore. */
  async push(host: Guest, vm: string, database: string, signal: AbortSignal): Promise<void> {
    const argv = ['--create', '--owner=1000', '--group=1000', `--directory=${this.#of(database)}`, '.'];
    const tar = spawn('tar', argv, { stdio: ['ignore', 'pipe', 'ignore'], signal });
    const ended = once(tar, 'close');
    await host.putTree(vm, INSIDE, tar.stdout, signal);
    const [code] = await ended;
    if (code !== 0) throw new ThawError('internal', 'The backups could not be read.');
  }

  /** What was noted beside a repository. */
  async note(database: string): Promise<unknown> {
    const text = await readFile(`${this.#of(database)}.json`, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async setNote(database: string, note: unknown): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await put(`${this.#of(database)}.json`, [Buffer.from(JSON.stringify(note))]);
  }

  async remove(database: string): Promise<void> {
    await rm(this.#of(database), { recursive: true, force: true });
    await rm(`${this.#of(database)}.json`, { force: true });
  }

  #of(database: string): string {
    return join(this.#directory, database);
  }
}

function differs(one: File, other: File | undefined): boolean {
  return other === undefined || one.bytes !== other.bytes || one.changedAt !== other.changedAt;
}

async function listInside(host: Guest, vm: string, signal: AbortSignal): Promise<Map<string, File>> {
  const argv = ['find', INSIDE, '-type', 'f', '-printf', '%P\\t%s\\t%Ts\\n'];
  let text = '';
  const request = { argv, cwd: '/', timeoutMs: LIST_LIMIT_MS, maxOutputBytes: 64 * 1024 * 1024 };
  for await (const event of host.exec(vm, request, signal)) {
    if (event.kind === 'stdout') text += Buffer.from(event.data).toString('latin1');
    else if (event.kind === 'exit' && event.code !== 0) throw new ThawError('unavailable', 'There is no repository.');
  }
  const files = new Map<string, File>();
  for (const line of text.split('\n').filter(Boolean)) {
    const [path = '', bytes, changedAt] = line.split('\t');
    if (!NAME.test(path) || files.size > MOST_FILES)
      throw new ThawError('unavailable', 'A repository has a strange file.');
    // What is still being written has another name until it is whole.
    if (!path.endsWith('.pgbackrest.tmp'))
      files.set(path, { path, bytes: Number(bytes), changedAt: Number(changedAt) });
  }
  return files;
}

async function listHere(root: string): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, mtimeMs } = await stat(path);
    const name = path.slice(root.length + 1);
    files.set(name, { path: name, bytes: size, changedAt: Math.floor(mtimeMs / 1000) });
  }
  return files;
}

async function fetch(host: Guest, vm: string, file: File, root: string, signal: AbortSignal): Promise<void> {
  const target = join(root, file.path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const request = { argv: ['cat', '--', join(INSIDE, file.path)], cwd: '/', timeoutMs: 0 };
  const content = async function* () {
    let left = file.bytes;
    for await (const event of host.exec(vm, { ...request, maxOutputBytes: file.bytes + 1 }, signal)) {
      if (event.kind === 'stdout') {
        left -= event.data.length;
        yield event.data;
      } else if (event.kind === 'exit' && (event.code !== 0 || left !== 0)) {
        throw new ThawError('unavailable', 'A file of the repository changed while it was read.');
      }
    }
  };
  await put(target, content());
  await utimes(target, file.changedAt, file.changedAt);
}

/** Writes a file whole or not at all. */
async function put(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const beside = `${path}.new`;
  await using file = await open(beside, 'w', 0o600);
  for await (const chunk of chunks) await file.writeFile(chunk);
  await file.sync();
  await rename(beside, path);
}
