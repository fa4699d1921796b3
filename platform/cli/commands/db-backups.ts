import type { Command } from 'commander';
import type { DatabaseBackups } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { type DbFlags, withProject } from '../db-flags.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

const MIB = 1024 * 1024;

/** `thaw db backups` and `thaw db restore`. */
export function addDbBackups(db: Command, context: Context): void {
  const { out } = context;

  withProject(
    db
      .command('backups')
      .argument('<name>')
      .description('show what a database can be restored from')
      .option('--now', 'make one first')
      .option('--test', 'try a restore of the newest first'),
  ).action(async (name: string, { now, test, project }: DbFlags & { now?: boolean; test?: boolean }) => {
    const { thaw } = await context.connection();
    if (now === true) await thaw.databases.backUp(name, 'make', { project });
    if (test === true) await thaw.databases.backUp(name, 'test', { project });
    const known = await thaw.databases.backups(name, { project });
    out.result(known, () => lines(known, context.now()));
  });

  withProject(
    db
      .command('restore')
      .argument('<name>')
      .argument('<new>', 'name of the new database')
      .description('restore a database into a new one')
      .option('--at <time>', 'as it was then, such as 2026-01-02T03:04:05Z; default: as late as possible'),
  ).action(async (name: string, target: string, { at, project }: DbFlags & { at?: string }) => {
    const { thaw } = await context.connection();
    const made = await thaw.databases.restore(name, { name: target, at }, { project });
    out.result(made, () => `${made.url}\n${made.directUrl}`);
  });
}

function lines({ backups, until, test }: DatabaseBackups, now: Date): string {
  if (backups.length === 0) return 'There is no backup yet.';
  const rows = backups.map(({ label, type, endedAt, databaseBytes, repositoryBytes }) => [
    label,
    type,
    ago(endedAt, now),
    `${(databaseBytes / MIB).toFixed(1)} MiB`,
    `${(repositoryBytes / MIB).toFixed(1)} MiB`,
  ]);
  const from = backups[0]?.endedAt;
  const failed = test === null ? 'not tried yet' : `FAILED: ${test.error}`;
  return [
    table(['BACKUP', 'TYPE', 'ENDED', 'DATABASE', 'ADDED'], rows),
    '',
    `restorable from ${from} to ${until ?? from}`,
    `restore ${test?.ok === true ? `tried ${ago(test.at, now)}` : failed}`,
  ].join('\n');
}
