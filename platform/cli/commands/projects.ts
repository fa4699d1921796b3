import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

/** `thaw projects`: list, create. */
export function addProjects(program: Command, context: Context): void {
  const { out } = context;
  const projects = program.command('projects').description('list and create projects');

  projects
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list the projects')
    .action(async () => {
      const { thaw } = await context.connection();
      const all = await thaw.projects.list();
      out.result({ projects: all }, () =>
        table(
          ['NAME', 'CREATED'],
          all.map((project) => [project.name, ago(project.createdAt, context.now())]),
        ),
      );
    });

  projects
    .command('create')
    .argument('<name>')
    .description('make a project')
    .action(async (name: string) => {
      const { thaw } = await context.connection();
      const project = await thaw.projects.create(name);
      out.result({ project }, () => `Created project ${project.name}.`);
    });
}
