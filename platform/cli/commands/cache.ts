import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

const BYTES_PER_MIB = 1024 * 1024;

/** `thaw cache`: list, clear. */
export function addCache(program: Command, context: Context): void {
  const { out } = context;
  const cache = program.command('cache').description('list and clear the installs that builds begin from');

  cache
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list them, the most recently used first')
    .action(async () => {
      const { thaw } = await context.connection();
      const entries = await thaw.buildCache.list();
      out.result({ entries }, () =>
        table(
          ['KEY', 'PROJECT', 'APP', 'SIZE', 'CREATED', 'LAST USED'],
          entries.map((entry) => [
            entry.key,
            entry.project,
            entry.app,
            `${Math.ceil(entry.sizeBytes / BYTES_PER_MIB)} MiB`,
            ago(entry.createdAt, context.now()),
            ago(entry.lastUsedAt, context.now()),
          ]),
        ),
      );
    });

  cache
    .command('clear')
    .description('remove them: the next build of each app installs again')
    .option('--app <name>', 'of one app alone')
    .action(async ({ app }: { app?: string }) => {
      const { thaw } = await context.connection();
      const removed = await thaw.buildCache.clear({ app });
      out.result({ removed }, () => `Removed ${removed} ${removed === 1 ? 'entry' : 'entries'}.`);
    });
}
