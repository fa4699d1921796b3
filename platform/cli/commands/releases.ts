import type { Command } from 'commander';
import { type Thaw, ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

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

  releases
    .command('rollback')
    .argument('<app>')
    .argument('[deployment]', 'default: the one released before the current one')
    .description('put an older deployment in front again')
    .option('--branch <name>', 'branch', 'main')
    .action(async (app: string, deployment: string | undefined, { branch }: { branch: string }) => {
      const { thaw } = await context.connection();
      const target = deployment ?? (await previous(thaw, app, branch));
      const release = await thaw.releases.rollback(app, target, { branch });
      out.result({ release }, () => `Release ${release.number} of ${app}: ${release.deployment}.`);
    });
}

async function previous(thaw: Thaw, app: string, branch: string): Promise<string> {
  const [current, ...older] = (await thaw.releases.list(app)).filter((release) => release.branch === branch);
  const before = older.find((release) => release.deployment !== current?.deployment);
  if (before !== undefined) return before.deployment;
  throw new ThawApiError('not_found', `${app} has no earlier deployment on ${branch}.`, {
    hint: `"thaw releases ${app}" lists what was released.`,
  });
}
