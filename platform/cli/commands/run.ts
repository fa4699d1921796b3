import type { Command } from 'commander';
import { connect } from '../connection.ts';
import type { Context } from '../context.ts';
import { type CreateFlags, request, withCreateFlags } from '../sandbox-flags.ts';
import { type ExecFlags, execute, withExecFlags } from './sandbox-exec.ts';

/** Above the command's own time: the sandbox must not end before it. */
const SPARE_SECONDS = 60;
const DEFAULT_TIMEOUT_S = 60;
/** The sandbox is ended also when the user has had enough; then this long is tried. */
const KILL_LIMIT_MS = 10_000;

/** `thaw run -- cmd`: a sandbox for one command. Its output comes as it is written, its exit code is passed on. */
export function addRun(program: Command, context: Context): void {
  withExecFlags(
    withCreateFlags(program.command('run').argument('<command...>', 'a program and its arguments, after --')),
  )
    .description('run one command in a sandbox of its own, which is then ended')
    .action(async (command: string[], flags: CreateFlags & ExecFlags) => {
      const { thaw } = await context.connection();
      const ttlSeconds = flags.ttl ?? (flags.timeout ?? DEFAULT_TIMEOUT_S) + SPARE_SECONDS;
      const sandbox = await thaw.sandboxes.create({ ...request(flags), ttlSeconds });
      try {
        await execute(sandbox, command, { ...flags, env: [] }, context);
      } finally {
        await end(sandbox.id, context);
      }
    });
}

/** With a client of its own: that of the command has ended with it. */
async function end(id: string, { environment, out }: Context): Promise<void> {
  const { thaw } = await connect(environment, AbortSignal.timeout(KILL_LIMIT_MS));
  await thaw.sandboxes
    .get(id)
    .then((sandbox) => sandbox.kill())
    .catch(() => out.note(`The sandbox ${id} could not be ended; it ends when its time is up.`));
}
