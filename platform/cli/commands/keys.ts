import { type Command, Option } from 'commander';
import type { Scope } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

const SCOPES: Scope[] = ['read', 'deploy', 'manage'];

/** `thaw keys`: list, create, revoke. */
export function addKeys(program: Command, context: Context): void {
  const { out } = context;
  const keys = program.command('keys').description('list, create and revoke API keys');

  keys
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list the keys')
    .action(async () => {
      const { thaw } = await context.connection();
      const all = await thaw.keys.list();
      out.result({ keys: all }, () =>
        table(
          ['ID', 'NAME', 'PROJECT', 'SCOPES', 'BEGINS WITH', 'CREATED', 'LAST USED', 'STATE'],
          all.map((key) => [
            key.id,
            key.name,
            key.project ?? '(admin)',
            key.scopes.join(','),
            key.prefix,
            ago(key.createdAt, context.now()),
            ago(key.lastUsedAt, context.now()),
            key.revokedAt === null ? 'valid' : 'revoked',
          ]),
        ),
      );
    });

  keys
    .command('create')
    .argument('<name>', 'what it is for')
    .description('make a key; its secret is shown this once')
    .addOption(new Option('--project <name>', 'project that it is bound to').conflicts('admin'))
    .option('--admin', 'for all projects; only an admin key can make one')
    .addOption(new Option('--scopes <scope...>', 'what it may do; default: what your own key may').choices(SCOPES))
    .action(
      async (name: string, { project, admin, scopes }: { project?: string; admin?: boolean; scopes?: Scope[] }) => {
        const { thaw } = await context.connection();
        const made = await thaw.keys.create({ name, project: admin === true ? null : project, scopes });
        out.note(`Key ${made.key.id}. Keep its secret now, it is not shown again.`);
        out.result(made, () => made.secret);
      },
    );

  keys
    .command('revoke')
    .argument('<id>')
    .description('end a key at once')
    .action(async (id: string) => {
      const { thaw } = await context.connection();
      await thaw.keys.revoke(id);
      out.result({ revoked: id }, () => `Revoked ${id}.`);
    });
}
