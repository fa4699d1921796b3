import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';
import { clock } from '../time.ts';

/** `thaw logs [-f] <app>`: what the code wrote. Ending a followed log with Ctrl-C is how it is meant to end, so that is no failure. */
export function addLogs(program: Command, context: Context): void {
  const { out, signal } = context;
  program
    .command('logs')
    .argument('<app>')
    .description('show what the code of an app wrote')
    .option('-f, --follow', 'go on with what it writes from now on')
    .option('-n, --tail <lines>', 'lines of the past to begin with', wholeNumber, 100)
    .action(async (app: string, { follow, tail }: { follow?: boolean; tail: number }) => {
      const { thaw } = await context.connection();
      try {
        for await (const entry of thaw.logs.read(app, { follow, tail })) {
          out.item(entry, () => {
            const line = out.foreign(entry.line);
            const head = out.paint('dim', `${clock(entry.time)} ${entry.instance}`);
            return `${head}  ${entry.stream === 'stderr' ? out.paint('red', line) : line}`;
          });
        }
      } catch (error) {
        if (follow !== true || !signal.aborted) throw error;
      }
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
