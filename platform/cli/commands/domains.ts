import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

/** `thaw domains`: list, add, rm. */
export function addDomains(program: Command, context: Context): void {
  const { out } = context;
  const domains = program.command('domains').description('list, add and remove host names of an app’s own');

  domains
    .command('list', { isDefault: true })
    .alias('ls')
    .argument('<app>')
    .description('list them')
    .action(async (app: string) => {
      const { thaw } = await context.connection();
      const all = await thaw.domains.list(app);
      out.result({ domains: all }, () =>
        table(
          ['HOST', 'APP', 'CREATED'],
          all.map((domain) => [domain.host, domain.app, ago(domain.createdAt, context.now())]),
        ),
      );
    });

  domains
    .command('add')
    .argument('<app>')
    .argument('<host>', 'such as www.example.com or *.example.com')
    .description('let a host name lead to an app')
    .action(async (app: string, host: string) => {
      const { thaw } = await context.connection();
      const domain = await thaw.domains.add(app, host);
      out.note('Point its DNS at this server’s edge.');
      out.result({ domain }, () => `${domain.host} leads to ${domain.app}.`);
    });

  domains
    .command('rm')
    .alias('remove')
    .argument('<app>')
    .argument('<host>')
    .description('let a host name lead to an app no more')
    .action(async (app: string, host: string) => {
      const { thaw } = await context.connection();
      await thaw.domains.remove(app, host);
      out.result({ removed: host }, () => `Removed ${host}.`);
    });
}
