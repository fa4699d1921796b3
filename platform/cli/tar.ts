import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ThawApiError } from '../sdk/index.ts';

/** What the real `tar` ends with when a file changed while it was read; the archive is whole. */
const CHANGED_MEANWHILE = 1;

export interface TarOptions {
  env: Record<string, string>;
  signal: AbortSignal;
  /** Told what `tar` remarks about an archive that is fine. */
  onRemark(text: string): void;
}

/**
 * A tar stream of the named files, made by the real `tar` as it is read.
 * Symbolic links stay what they are and are never followed; owners are left
 * out. Leaving the loop ends `tar`.
 *
 * @throws ThawApiError `unprocessable` when a file cannot be read
 */
export async function* tar(
  directory: string,
  files: readonly string[],
  { env, signal, onRemark }: TarOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const argv = [
    '--create',
    '--file=-',
    '--no-recursion',
    '--hard-dereference',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    // Also takes names that begin with a hyphen as names.
    '--null',
    '--files-from=-',
  ];
  const child = spawn('tar', argv, { cwd: directory, env: { ...env, LC_ALL: 'C' }, signal, stdio: 'pipe' });
  const closed = once(child, 'close').then(
    ([code]) => ({ code: code as number | null, error: undefined }),
    (error: Error) => ({ code: null, error }),
  );
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4096);
  });
  // A `tar` that ended early says why on its own; writing to it then fails too.
  child.stdin.on('error', () => undefined).end(files.map((file) => `${file}\0`).join(''));
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const { code, error } = await closed;
    signal.throwIfAborted();
    if (code !== 0 && code !== CHANGED_MEANWHILE) {
      throw new ThawApiError('unprocessable', `tar cannot pack ${directory}: ${complaint.trim() || error?.message}`, {
        hint: 'Nothing was deployed.',
        cause: error,
      });
    }
    if (complaint !== '') onRemark(complaint.trim());
  } finally {
    child.kill();
    await closed;
  }
}
