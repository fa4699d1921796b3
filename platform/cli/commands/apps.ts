import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

/** `thaw apps`: list, create, rm. */
export function addApps(program: Command, context: Context): void {
  const { out } = context;
  const apps = program.command('apps').description('list, create and remove apps');

  apps
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list the apps')
    .action(async () => {
      const { thaw } = await context.connection();
      const all = await thaw.apps.list();
      out.result({ apps: all }, () =>
        table(
          ['NAME', 'KIND', 'PROJECT', 'CREATED', 'ADDRESS'],
          all.map((app) => [app.name, app.kind ?? '-', app.project, ago(app.createdAt, context.now()), app.url]),
        ),
      );
    });

  apps
    .command('create')
    .argument('<name>')
    .description('make an app; a first push or deploy makes it as well')
    .option('--project <name>', 'project that it belongs to')
    .action(async (name: string, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      const app = await thaw.apps.create({ name, project });
      out.result({ app }, () => `Created ${app.name} in project ${app.project}.`);
    });

  apps
    .command('rm')
    .alias('remove')
    .argument('<name>')
    .description('remove an app with its deployments, releases and logs')
    .action(async (name: string) => {
      const { thaw } = await context.connection();
      await thaw.apps.remove(name);
      out.result({ removed: name }, () => `Removed ${name}.`);
    });
}
