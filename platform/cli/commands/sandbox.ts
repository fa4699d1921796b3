import type { Command } from 'commander';
import { Option } from 'commander';
import type { SandboxInfo, SandboxState } from '../../sdk/index.ts';
import { assignments, collect } from '../assignments.ts';
import type { Context } from '../context.ts';
import { type CreateFlags, request, withCreateFlags } from '../sandbox-flags.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';
import { addSandboxCp } from './sandbox-cp.ts';
import { addSandboxExec } from './sandbox-exec.ts';
import { addSandboxPs } from './sandbox-ps.ts';
import { addSandboxShell } from './sandbox-shell.ts';
import { addSandboxStates } from './sandbox-states.ts';

/** `thaw sandbox`: create, list, and what the files beside this one add. */
export function addSandbox(program: Command, context: Context): void {
  const { out } = context;
  const sandbox = program.command('sandbox').description('machines of their own for code that is not trusted');

  withCreateFlags(sandbox.command('create').argument('[template]', 'what it is made from')).action(
    async (template: string | undefined, flags: CreateFlags) => {
      const { thaw } = await context.connection();
      const { info } = await thaw.sandboxes.create(request({ ...flags, template: template ?? flags.template }));
      out.result({ sandbox: info }, () => info.id);
    },
  );

  sandbox
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list sandboxes that are not over, the newest first')
    .option('--all', 'those that are over as well')
    .addOption(new Option('--state <state>', 'of one state alone').choices(['running', 'paused', 'ended']))
    .option('--meta <name=value>', 'that have this; may be repeated', collect, [])
    .action(async ({ all, state, meta }: { all?: boolean; state?: SandboxState; meta: string[] }) => {
      const { thaw } = await context.connection();
      const found = (await thaw.sandboxes.list({ state, metadata: assignments('--meta', meta), limit: 1000 }))
        .map(({ info }) => info)
        .filter((info) => all === true || state !== undefined || info.state !== 'ended');
      out.result({ sandboxes: found }, () =>
        table(
          ['SANDBOX', 'TEMPLATE', 'STATE', 'MEMORY', 'CREATED', 'ENDS'],
          found.map((info) => [
            info.id,
            info.template,
            info.endReason === null ? info.state : `${info.state} (${info.endReason})`,
            `${info.memoryMiB} MiB`,
            ago(info.createdAt, context.now()),
            ends(info, context.now()),
          ]),
        ),
      );
    });

  addSandboxShell(sandbox, context);
  addSandboxExec(sandbox, context);
  addSandboxPs(sandbox, context);
  addSandboxCp(sandbox, context);
  addSandboxStates(sandbox, context);
}

function ends({ endsAt }: SandboxInfo, now: Date): string {
  if (endsAt === null) return '-';
  const left = Math.max(0, Math.round((Date.parse(endsAt) - now.getTime()) / 1000));
  return left < 120 ? `in ${left} s` : `in ${Math.round(left / 60)} min`;
}
