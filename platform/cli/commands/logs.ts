import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LogLevel, LogLine, LogStream } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { clock, moment } from '../time.ts';

interface Options {
  follow?: boolean;
  tail?: number;
  since?: Date;
  until?: Date;
  level?: LogLevel;
  grep?: string;
  stream?: LogStream;
  deployment?: string;
  instance?: string;
  request?: string;
}

/**
 * `thaw logs [-f] <app>`: what the code wrote and the requests it answered. Ending
 * a followed log with Ctrl-C is how it is meant to end, so that is no failure.
 */
export function addLogs(program: Command, context: Context): void {
  const { signal } = context;
  const at = (text: string) => {
    const found = moment(text, context.now());
    if (found === undefined) throw new InvalidArgumentError('Write 90s, 15m, 2h, 3d or 2026-01-02T03:04:05Z.');
    return found;
  };
  program
    .command('logs')
    .argument('<app>')
    .description('show what the code of an app wrote and the requests it answered')
    .addOption(new Option('-f, --follow', 'go on with what comes from now on').conflicts('until'))
    .option('-n, --tail <lines>', 'most lines of the past; default 100, with --since 10000', wholeNumber)
    .option('--since <moment>', 'lines from then on: 90s, 15m, 2h, 3d ago, or ISO 8601', at)
    .option('--until <moment>', 'lines before then', at)
    .addOption(new Option('--level <level>', 'lines this bad or worse').choices(['info', 'warn', 'error']))
    .option('--grep <text>', 'lines that hold this text, whatever its case')
    .addOption(new Option('--stream <name>', 'lines of one kind').choices(['stdout', 'stderr', 'request']))
    .option('--deployment <id>', 'lines of one deployment')
    .option('--instance <id>', 'lines of one instance')
    .option('--request <id>', 'lines of one request, by its x-request-id')
    .action(async (app: string, { tail: limit, grep: text, request: requestId, ...options }: Options) => {
      const { thaw } = await context.connection();
      try {
        for await (const entry of thaw.logs.read(app, { ...options, limit, text, requestId })) show(entry, context);
      } catch (error) {
        if (options.follow !== true || !signal.aborted) throw error;
      }
    });
}

function show(entry: LogLine, { out }: Context): void {
  out.item(entry, () => {
    const line = out.foreign(entry.line);
    const head = out.paint('dim', `${clock(entry.time)} ${entry.instance ?? '-'}`);
    if (entry.level === 'error') return `${head}  ${out.paint('red', line)}`;
    if (entry.level === 'warn') return `${head}  ${out.paint('yellow', line)}`;
    return `${head}  ${entry.stream === 'request' ? out.paint('dim', line) : line}`;
  });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
