import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

const BYTES_PER_MIB = 1024 * 1024;

/** `thaw template`: list, rm. */
export function addTemplate(program: Command, context: Context): void {
  const { out } = context;
  const template = program.command('template').description('list and remove what sandboxes are made from');

  template
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list the built-in templates and your own')
    .action(async () => {
      const { thaw } = await context.connection();
      const templates = await thaw.templates.list();
      out.result({ templates }, () =>
        table(
          ['NAME', 'VERSION', 'MEMORY', 'SIZE', 'CREATED'],
          templates.map(({ name, version, memoryMiB, sizeBytes, createdAt }) => [
            name,
            version === null ? 'built in' : String(version),
            memoryMiB === null ? 'any' : `${memoryMiB} MiB`,
            sizeBytes === null ? '-' : `${Math.ceil(sizeBytes / BYTES_PER_MIB)} MiB`,
            createdAt === null ? '-' : ago(createdAt, context.now()),
          ]),
        ),
      );
    });

  template
    .command('rm')
    .alias('remove')
    .argument('<name>', 'name, or name:version')
    .description('remove a template; sandboxes that were made from it stay')
    .option('--project <name>', 'project that it belongs to')
    .action(async (name: string, options: { project?: string }) => {
      const { thaw } = await context.connection();
      const removed = await thaw.templates.remove(name, options);
      out.result({ removed }, () => removed.map((one) => `Removed ${one.name}:${one.version}.`).join('\n'));
    });
}
