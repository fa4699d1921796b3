import { ThawError } from '../platform/errors.ts';
import type { Host } from '../platform/host/contract.ts';

/** Not below anything that user code may write to. */
const BALLAST = '/var/lib/ballast';
const LIMIT_MS = 60_000;
/** Takes what is free past the first argument, in bytes. ext4 only notes that blocks are taken: nothing is written. */
const TAKE = `set -e
free=$(df --block-size=1 --output=avail / | tail -n 1)
more=$((free - $1))
[ "$more" -le 0 ] || fallocate --length "$more" ${BALLAST}`;

/**
 * Bounds what can still be written to a VM's disk, by taking the rest of it. Without effect where less is free already.
 *
 * @throws ThawError `internal` when that does not work
 */
export async function boundFreeDisk(host: Host, vm: string, bytes: number, signal: AbortSignal): Promise<void> {
  const argv = ['sh', '-c', TAKE, 'sh', String(bytes)];
  const said: string[] = [];
  for await (const event of host.exec(vm, { argv, cwd: '/', user: 'root', timeoutMs: LIMIT_MS }, signal)) {
    if (event.kind === 'stderr') said.push(Buffer.from(event.data).toString());
    if (event.kind === 'exit' && event.code === 0) return;
  }
  throw new ThawError('internal', `The disk of a VM could not be bounded: ${said.join('').trim()}`);
}
