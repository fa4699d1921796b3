import { constants } from 'node:os';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { CommandResult, ExecOptions, Exit, Sandbox } from '../../sdk/index.ts';
import { assignments, collect } from '../assignments.ts';
import type { Context } from '../context.ts';
import { ttl } from '../sandbox-flags.ts';

/** What is said of a command besides itself. */
export interface ExecFlags {
  cwd?: string;
  user?: 'app' | 'root';
  env: string[];
  timeout?: number;
}

/** What a shell reports for a command that was stopped for its time; timeout(1). */
const TIMED_OUT = 124;

/** `thaw sandbox exec <id> -- cmd`: its output comes as it is written, its exit code is passed on. */
export function addSandboxExec(sandbox: Command, context: Context): void {
  withExecFlags(
    sandbox
      .command('exec')
      .argument('<id>')
      .argument('<command...>', 'a program and its arguments, after --')
      .description('run a command in a sandbox; a paused one goes on for it')
      .option('--env <name=value>', 'besides the sandbox’s own; may be repeated', collect, [])
      .option('-b, --background', 'do not wait for it: its process id is the only line on standard output'),
  ).action(async (id: string, command: string[], flags: ExecFlags & { background?: boolean }) => {
    const { thaw } = await context.connection();
    const found = await thaw.sandboxes.get(id);
    if (flags.background !== true) return execute(found, command, flags, context);
    const { cwd, user, env, timeout } = flags;
    const options = { cwd, user, env: assignments('--env', env), timeoutSeconds: timeout };
    const { pid } = await found.commands.start(command, options);
    context.out.result({ pid }, () => String(pid));
  });
}

export function withExecFlags(command: Command): Command {
  return withUserFlags(command).option(
    '--timeout <time>',
    'longest that it may take: 90s, 15m, 2h; default 60s, in the background no limit',
    ttl,
  );
}

export function withUserFlags(command: Command): Command {
  return command
    .option('--cwd <path>', 'directory that it runs in; default /app')
    .addOption(new Option('--user <name>', 'user that it runs as; default app').choices(['app', 'root']));
}

/** Runs a command, passes its output on and takes over its exit code. With `--json`: one document at its end. */
export async function execute(
  sandbox: Sandbox,
  command: string[],
  { cwd, user, env, timeout }: ExecFlags,
  { out }: Context,
): Promise<void> {
  const options: ExecOptions = { cwd, user, env: assignments('--env', env), timeoutSeconds: timeout };
  if (out.json) {
    const result: CommandResult = await sandbox.exec(command, options);
    out.result(result, () => '');
    process.exitCode = exitCode(result);
    return;
  }
  for await (const event of sandbox.streamBytes(command, options)) {
    if (event.type !== 'exit') {
      out.raw(event.data, event.type);
      continue;
    }
    if (event.truncated) out.note('Part of the output was dropped.');
    if (event.timedOut) out.note('The command took too long and was killed.');
    process.exitCode = exitCode(event);
  }
}

/** What a shell would report. */
export function exitCode({ exitCode: code, signal, timedOut }: Pick<Exit, 'exitCode' | 'signal' | 'timedOut'>): number {
  if (timedOut) return TIMED_OUT;
  if (code !== null) return code;
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
