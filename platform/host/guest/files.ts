import { posix } from 'node:path';
import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { FileChange, FileEntry, FileUser } from '../files.ts';
import type { AgentCaller } from './call.ts';
import { type ConnectOptions, callOnce, callStream } from './connect.ts';

/** The agent's own bound of a listing, and what is around it. */
const MAX_LISTING_BYTES = 33 * 1024 * 1024;
const TYPES: Record<string, FileEntry['type']> = {
  FILE_TYPE_FILE: 'file',
  FILE_TYPE_DIRECTORY: 'directory',
  FILE_TYPE_SYMLINK: 'symlink',
};

/** filesystem.EntryInfo of E2B's schema. */
const entryInfo = z
  .object({
    name: z.string(),
    path: z.string(),
    type: z.string(),
    size: z.coerce.number(),
    mode: z.int(),
    owner: z.string().default(''),
    group: z.string().default(''),
    modifiedTime: z.string().max(40),
    symlinkTarget: z.string().optional(),
  })
  .transform(
    (told): FileEntry => ({
      name: told.name,
      path: told.path,
      type: TYPES[told.type] ?? 'other',
      sizeBytes: told.size,
      mode: told.mode,
      owner: told.owner,
      group: told.group,
      modifiedAt: told.modifiedTime,
      target: told.symlinkTarget ?? null,
    }),
  );
const oneEntry = z.object({ entry: entryInfo });
const manyEntries = z.object({ entries: z.array(entryInfo) });

/** filesystem.FilesystemEvent, as WatchDir tells it. */
const CHANGES: Record<string, FileChange['type']> = {
  EVENT_TYPE_CREATE: 'create',
  EVENT_TYPE_WRITE: 'write',
  EVENT_TYPE_REMOVE: 'remove',
  EVENT_TYPE_RENAME: 'rename',
  EVENT_TYPE_CHMOD: 'chmod',
};
const watchEvent = z.object({
  start: z.object({}).optional(),
  filesystem: z.object({ name: z.string(), type: z.string() }).optional(),
});

export async function* readFile(
  agent: AgentCaller,
  path: string,
  user: FileUser,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const query = new URLSearchParams({ path, as: user });
  const answer = await agent.send({ method: 'GET', path: `/files?${query}`, signal }).catch((error: unknown) => {
    if (!(error instanceof ThawError) || error.code !== 'not_found') throw error;
    throw new ThawError('not_found', `There is no file ${path}.`, { cause: error });
  });
  try {
    yield* answer;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ThawError('unavailable', `Reading ${path} broke off.`, { cause });
  } finally {
    answer.destroy();
  }
}

/** A call that answers with an entry: `Stat`, `MakeDir`, `Move`. */
export async function entryOf(
  agent: AgentCaller,
  method: 'Stat' | 'MakeDir' | 'Move',
  message: unknown,
  options: ConnectOptions,
): Promise<FileEntry> {
  return oneEntry.parse(await callOnce(agent, `filesystem.Filesystem/${method}`, message, options)).entry;
}

export async function listFiles(
  agent: AgentCaller,
  path: string,
  depth: number,
  signal?: AbortSignal,
): Promise<FileEntry[]> {
  const options = { signal, maxAnswerBytes: MAX_LISTING_BYTES };
  return manyEntries.parse(await callOnce(agent, 'filesystem.Filesystem/ListDir', { path, depth }, options)).entries;
}

export async function removeFile(agent: AgentCaller, path: string, signal?: AbortSignal): Promise<void> {
  await callOnce(agent, 'filesystem.Filesystem/Remove', { path }, { signal });
}

/** `watching`, then what happens. */
export async function* watchFiles(
  agent: AgentCaller,
  path: string,
  recursive: boolean,
  signal?: AbortSignal,
): AsyncGenerator<FileChange | { type: 'watching' }> {
  for await (const told of callStream(agent, 'filesystem.Filesystem/WatchDir', { path, recursive }, { signal })) {
    const { start, filesystem } = watchEvent.parse(told);
    if (start !== undefined) yield { type: 'watching' };
    const type = CHANGES[filesystem?.type ?? ''];
    if (filesystem !== undefined && type !== undefined) yield { type, path: posix.join(path, filesystem.name) };
  }
}
