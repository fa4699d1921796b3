import type { Command } from 'commander';
import { type ProjectUsage, ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

const LIMITS = [
  ...(['apps', 'instances', 'memoryMiB', 'cpus', 'buildMinutes', 'diskMiB'] as const),
  ...(['volumes', 'volumeMiB', 'databases', 'databaseMiB', 'databaseMemoryMiB', 'requestsPerSecond'] as const),
];

/** `thaw projects`: list, create, limits. */
export function addProjects(program: Command, context: Context): void {
  const { out } = context;
  const projects = program
    .command('projects')
    .description('list and create projects, look at their limits and set them');

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

  projects
    .command('limits')
    .argument('<name>')
    .description('show how much a project may have, and set it with an admin key')
    .option('--set <limit=value...>', `${LIMITS.join(', ')}; "none" takes a limit away`)
    .action(async (name: string, { set }: { set?: string[] }) => {
      const change = Object.fromEntries((set ?? []).map(limit));
      const { thaw } = await context.connection();
      const answer = set === undefined ? await thaw.projects.limits(name) : await thaw.projects.setLimits(name, change);
      out.result(answer, () =>
        table(
          ['LIMIT', 'VALUE', 'USED'],
          LIMITS.map((key) => [key, String(answer.limits[key] ?? 'none'), used(key, answer.usage)]),
        ),
      );
    });
}

/** @throws ThawApiError for what is no limit, or no number */
function limit(assignment: string): [string, number | null] {
  const [key = '', value = ''] = assignment.split('=', 2);
  if (!LIMITS.some((known) => known === key)) {
    throw new ThawApiError('invalid_input', `There is no limit called "${key}".`, {
      hint: `The limits are ${LIMITS.join(', ')}.`,
    });
  }
  if (value === 'none') return [key, null];
  if (/^\d{1,12}(\.\d{1,6})?$/.test(value)) return [key, Number(value)];
  throw new ThawApiError('invalid_input', `"${value}" is no value for the limit ${key}.`, {
    hint: `Write ${key}=10, or ${key}=none to take it away.`,
  });
}

function used(key: (typeof LIMITS)[number], usage: ProjectUsage): string {
  if (key === 'buildMinutes') return `${(usage.buildSeconds / 60).toFixed(1)} today`;
  return key in usage ? String(usage[key as keyof ProjectUsage]) : '-';
}
