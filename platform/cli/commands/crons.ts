import type { Command } from 'commander';
import { type CronRun, type CronStatus, ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../failure.ts';
import { table } from '../table.ts';
import { ago, duration } from '../time.ts';

/** `thaw crons`: list, run. */
export function addCrons(program: Command, context: Context): void {
  const { out } = context;
  const crons = program.command('crons').description('list schedules and run one now');

  crons
    .command('list', { isDefault: true })
    .alias('ls')
    .argument('<app>')
    .description('list the schedules of what is in front of an app')
    .action(async (app: string) => {
      const { thaw } = await context.connection();
      const all = await thaw.crons.list(app);
      out.result({ crons: all }, () =>
        table(
          ['NAME', 'SCHEDULE', 'TIME ZONE', 'REQUEST', 'NEXT', 'LAST', 'OUTCOME'],
          all.map((cron) => [
            cron.name,
            cron.schedule,
            cron.timezone,
            `${cron.method} ${cron.path}`,
            cron.nextRun ?? '-',
            ago(cron.lastRun?.startedAt ?? null, context.now()),
            cron.lastRun === null ? '-' : outcome(cron.lastRun),
          ]),
        ),
      );
    });

  crons
    .command('run')
    .argument('<app>')
    .argument('[name]', 'default: the only one there is')
    .description('run one now, and wait for its end')
    .action(async (app: string, name: string | undefined) => {
      const { thaw } = await context.connection();
      const chosen = name ?? only(app, await thaw.crons.list(app));
      const run = await thaw.crons.run(app, chosen);
      out.result({ run }, () => `${chosen}: ${outcome(run)}${took(run)}`);
      if (run.outcome !== 'ok') process.exitCode = EXIT.failed;
    });
}

function only(app: string, all: CronStatus[]): string {
  const [first, ...more] = all.map(({ name }) => name);
  if (first !== undefined && more.length === 0) return first;
  throw first === undefined
    ? new ThawApiError('not_found', `${app} has no crons.`, {
        hint: 'They are written as [[crons]] in thaw.toml.',
        status: 404,
      })
    : new ThawApiError('invalid_input', `${app} has ${all.length} crons: name one.`, {
        hint: `There are ${[first, ...more].join(', ')}.`,
      });
}

function outcome({ outcome: kind, status, error }: CronRun): string {
  return [kind, status === null ? '' : String(status), error ?? ''].filter(Boolean).join(' ');
}

function took({ ms }: CronRun): string {
  return ms === null ? '' : ` after ${duration(ms)}`;
}
