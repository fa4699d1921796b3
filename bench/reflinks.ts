import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../platform/host/run.ts';

/** Sparse: it takes what is written into it. */
const SIZE = 24 * 1024 ** 3;

/** A directory on a file system that has reflinks, XFS in a file, whatever the machine's own has. */
export async function openReflinks(): Promise<AsyncDisposable & { path: string }> {
  await using stack = new AsyncDisposableStack();
  const scratch = await mkdtemp('/tmp/thaw-bench-xfs-');
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const image = join(scratch, 'image');
  await using file = await open(image, 'w');
  await file.truncate(SIZE);
  await run(['mkfs.xfs', '-q', '-m', 'reflink=1', image]);
  const path = join(scratch, 'data');
  await run(['mkdir', path]);
  await run(['mount', '-o', 'loop', image, path]);
  stack.defer(async () => {
    await run(['umount', path]);
  });
  const opened = stack.move();
  return { path, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
