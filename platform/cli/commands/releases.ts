import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';
import { addRollback } from './rollback.ts';

/** `thaw releases`: list, rollback. */
export function addReleases(program: Command, context: Context): void {
  const { out } = context;
  const releases = program.command('releases').description('list releases, or roll back to an older one');

  releases
    .command('list', { isDefault: true })
    .alias('ls')
    .argument('<app>')
    .description('list the releases of an app, the newest first')
    .action(async (app: string) => {
      const { thaw } = await context.connection();
      const all = await thaw.releases.list(app);
      out.result({ releases: all }, () =>
        table(
          ['BRANCH', 'NUMBER', 'DEPLOYMENT', 'REASON', 'CREATED'],
          all.map((release) => [
            release.branch,
            String(release.number),
            release.deployment,
            release.reason,
            ago(release.createdAt, context.now()),
          ]),
        ),
      );
    });

  addRollback(releases, context);
}
