import { Argument, type Command } from 'commander';
import type { Context } from '../context.ts';
import { table } from '../table.ts';
import { exitCode } from './sandbox-exec.ts';

/** `thaw sandbox ps`, `attach`, `signal`: commands that go on by themselves. */
export function addSandboxPs(sandbox: Command, context: Context): void {
  const { out } = context;
  const get = async (id: string) => (await context.connection()).thaw.sandboxes.get(id);
  const pid = () => new Argument('<pid>', 'process id, as `ps` shows it').argParser(Number);

  sandbox
    .command('ps')
    .argument('<id>')
    .description('list the commands that run in a sandbox')
    .action(async (id: string) => {
      const commands = await (await get(id)).commands.list();
      out.result({ commands }, () =>
        table(
          ['PID', 'COMMAND'],
          commands.map((one) => [String(one.pid), out.foreign(one.command.join(' ').replaceAll('\n', ' '))]),
        ),
      );
    });

  sandbox
    .command('attach')
    .argument('<id>')
    .addArgument(pid())
    .description('show what a command wrote, as far as it is kept, and writes; its exit code is passed on')
    .action(async (id: string, number: number) => {
      const command = (await get(id)).commands.connect(number);
      for await (const event of command.outputBytes({ signal: context.signal })) {
        if (event.type !== 'exit') {
          out.raw(event.data, event.type === 'stderr' ? 'stderr' : 'stdout');
          continue;
        }
        if (event.truncated) out.note('The oldest of the output is not kept any more.');
        process.exitCode = exitCode(event);
      }
    });

  sandbox
    .command('signal')
    .argument('<id>')
    .addArgument(pid())
    .argument('[signal]', 'SIGINT, SIGTERM, SIGKILL ...', 'SIGTERM')
    .description('send a signal to a command and its process group; SIGKILL ends all that it started')
    .action(async (id: string, number: number, signal: string) => {
      const sent = await (await get(id)).commands.connect(number).kill(signal);
      out.result({ sent }, () => (sent ? `Sent ${signal} to ${number}.` : `${number} had ended.`));
    });
}
