import { z } from 'zod';
import type { DatabaseBackup, DatabaseBackups } from '../contract.ts';

const moment = z.object({ start: z.number(), stop: z.number() });

/** Of `pgbackrest info --output=json`, https://pgbackrest.org/command.html#command-info */
const info = z.array(
  z.object({
    backup: z.array(
      z.object({
        label: z.string().max(100),
        type: z.enum(['full', 'diff', 'incr']),
        timestamp: moment,
        error: z.boolean().nullable().optional(),
        info: z.object({ size: z.number(), repository: z.object({ delta: z.number() }) }),
      }),
    ),
  }),
);

/** The backups that pgBackRest tells of, oldest first. */
export function readInfo(text: string): DatabaseBackup[] {
  const [stanza] = info.parse(JSON.parse(text));
  return (stanza?.backup ?? [])
    .filter(({ error }) => error !== true)
    .map(({ label, type, timestamp, info: { size, repository } }) => ({
      label,
      type: type === 'full' ? 'full' : 'incremental',
      startedAt: new Date(timestamp.start * 1000).toISOString(),
      // Told in whole seconds, within the one that it names; moments of that second cannot be restored from it.
      endedAt: new Date((timestamp.stop + 1) * 1000).toISOString(),
      databaseBytes: size,
      repositoryBytes: repository.delta,
    }));
}

const noted = z.object({
  backups: z.array(
    z.object({
      label: z.string(),
      type: z.enum(['full', 'incremental']),
      startedAt: z.string(),
      endedAt: z.string(),
      databaseBytes: z.number(),
      repositoryBytes: z.number(),
    }),
  ),
  until: z.string().nullable(),
  test: z.object({ at: z.string(), ok: z.boolean(), error: z.string().nullable() }).nullable(),
});

/** What was noted of a database's backups; nothing yet is none. */
export function readNote(note: unknown): DatabaseBackups {
  const read = noted.safeParse(note);
  return read.success ? read.data : { backups: [], until: null, test: null };
}
