import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { Host } from '../../host/contract.ts';

/** Where pgBackRest's repository is in a VM. */
export const INSIDE = '/data/backup';
/** What pgBackRest calls its files. The list comes from a guest: nothing else becomes a name on this machine or in a bucket. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const NUMBER = /^\d{1,15}$/;
const LIST_LIMIT_MS = 60_000;
const MOST_FILES = 200_000;

/** A file of the repository in a VM. */
export interface GuestFile {
  path: string;
  bytes: number;
  /** Whole seconds since 1970. */
  changedAt: number;
}

/** The whole files of the repository in a VM. @throws ThawError `unavailable` */
export async function listGuestFiles(host: Pick<Host, 'exec'>, vm: string, signal: AbortSignal): Promise<GuestFile[]> {
  const argv = ['find', INSIDE, '-type', 'f', '-printf', '%P\\t%s\\t%Ts\\n'];
  let text = '';
  const request = { argv, cwd: '/', timeoutMs: LIST_LIMIT_MS, maxOutputBytes: 64 * 1024 * 1024 };
  for await (const event of host.exec(vm, request, signal)) {
    if (event.kind === 'stdout') text += Buffer.from(event.data).toString('latin1');
    else if (event.kind === 'exit' && event.code !== 0) throw new ThawError('unavailable', 'There is no repository.');
  }
  const files: GuestFile[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [path = '', bytes = '', changedAt = ''] = line.split('\t');
    if (!NAME.test(path) || !NUMBER.test(bytes) || !NUMBER.test(changedAt) || files.length >= MOST_FILES) {
      throw new ThawError('unavailable', 'A repository has a strange file.');
    }
    // What is still being written has another name until it is whole.
    if (path.endsWith('.pgbackrest.tmp')) continue;
    files.push({ path, bytes: Number(bytes), changedAt: Number(changedAt) });
  }
  return files;
}

/** Reads a file as it was listed. @throws ThawError `unavailable` when it is not so any more */
export async function* readGuestFile(
  host: Pick<Host, 'exec'>,
  vm: string,
  { path, bytes }: GuestFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const request = { argv: ['cat', '--', join(INSIDE, path)], cwd: '/', timeoutMs: 0, maxOutputBytes: bytes + 1 };
  let left = bytes;
  for await (const event of host.exec(vm, request, signal)) {
    if (event.kind === 'stdout') left -= event.data.length;
    if (left < 0 || (event.kind === 'exit' && (event.code !== 0 || left !== 0))) {
      throw new ThawError('unavailable', 'A file of the repository changed while it was read.');
    }
    if (event.kind === 'stdout') yield event.data;
  }
}
