import type { Command as CommandLine } from 'commander';
import { type Command, ThawApiError } from '../../sdk/index.ts';
import { assignments, collect } from '../assignments.ts';
import { connect } from '../connection.ts';
import type { Context } from '../context.ts';
import { requireTerminal, takeTerminal, terminalSize } from '../terminal.ts';
import { type ExecFlags, exitCode, withUserFlags } from './sandbox-exec.ts';

/** Whatever the image has, as a login shell. */
const SHELL = ['/bin/sh', '-c', 'exec "$(command -v bash || command -v sh)" -l'];
/** What a shell reports for a command that lost its terminal. */
const HUNG_UP = 129;
/** When the user has gone, the shell in the sandbox is told so; then this long is tried. */
const HANG_UP_LIMIT_MS = 3_000;
/** A command that has ended takes no input: its end is told in its output. */
const OVER = new Set(['not_found', 'unprocessable']);

/** `thaw sandbox shell <id>`: a terminal in a sandbox. */
export function addSandboxShell(sandbox: CommandLine, context: Context): void {
  withUserFlags(
    sandbox
      .command('shell')
      .argument('<id>')
      .argument('[command...]', 'another program than the shell, after --')
      .description('open a terminal in a sandbox; a paused one goes on for it')
      .option('--env <name=value>', 'besides the sandbox’s own; may be repeated', collect, []),
  ).action(async (id: string, argv: string[], { cwd, user, env }: ExecFlags) => {
    requireTerminal('`thaw sandbox exec` runs a command without one.');
    const { thaw } = await context.connection();
    const { term, colorTerm } = context.environment;
    const command = await (await thaw.sandboxes.get(id)).commands.start(argv.length > 0 ? argv : SHELL, {
      ...{ cwd, user, terminal: terminalSize() },
      env: { TERM: term, ...(colorTerm === undefined ? {} : { COLORTERM: colorTerm }), ...assignments('--env', env) },
    });
    let ended = false;
    try {
      const code = await join(command, context.signal);
      ended = code !== undefined;
      process.exitCode = code ?? HUNG_UP;
    } finally {
      if (!ended) await hangUp(id, command.pid, context);
    }
  });
}

/** Joins the user's terminal with that of a command until it ends. @returns its exit code; undefined when the user's terminal went */
async function join(command: Command, signal: AbortSignal): Promise<number | undefined> {
  const over = new AbortController();
  const hungUp = new AbortController();
  using _terminal = takeTerminal({
    onKeys: (bytes) =>
      void command.write(bytes).catch((error: unknown) => {
        if (!(error instanceof ThawApiError && OVER.has(error.code))) over.abort(error);
      }),
    onResize: (size) => void command.resize(size).catch(() => undefined),
    onHangUp: () => hungUp.abort(),
  });
  try {
    for await (const event of command.outputBytes({
      signal: AbortSignal.any([signal, over.signal, hungUp.signal]),
    })) {
      if (event.type === 'exit') return exitCode(event);
      process.stdout.write(event.data);
    }
  } catch (error) {
    if (hungUp.signal.aborted) return undefined;
    throw error;
  }
  throw new ThawApiError('broken_answer', 'The server did not say how the shell ended.', { status: 200 });
}

/** As a terminal that is closed does. With a client of its own: that of the command has ended with it. */
async function hangUp(id: string, pid: number, { environment }: Context): Promise<void> {
  try {
    const { thaw } = await connect(environment, AbortSignal.timeout(HANG_UP_LIMIT_MS));
    await (await thaw.sandboxes.get(id)).commands.connect(pid).kill('SIGHUP');
  } catch {
    // It goes on in the sandbox, where `thaw sandbox ps` shows it.
  }
}
