import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago, duration } from '../time.ts';

/** `thaw ps`: what is awake. */
export function addPs(program: Command, context: Context): void {
  program
    .command('ps')
    .description('list the instances that run now')
    .option('--app <name>', 'of one app alone')
    .action(async ({ app }: { app?: string }) => {
      const { thaw } = await context.connection();
      const instances = await thaw.instances.list({ app });
      context.out.result({ instances }, () =>
        table(
          ['INSTANCE', 'APP', 'DEPLOYMENT', 'ADDRESS', 'STARTED', 'THAWED IN', 'REQUESTS'],
          instances.map((instance) => [
            instance.id,
            instance.app,
            instance.deployment,
            instance.address ?? '-',
            ago(instance.startedAt, context.now()),
            duration(Object.values(instance.phases).reduce((sum, phase) => sum + phase, 0)),
            String(instance.requests),
          ]),
        ),
      );
    });
}
