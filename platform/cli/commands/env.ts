import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type EnvironmentTarget, ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { dotenvLine, readDotenv } from '../dotenv.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

interface TargetOptions {
  preview?: boolean;
  branch?: string;
}

type ChangeOptions = TargetOptions & { redeploy: boolean };

/** `thaw env`: list, set, unset, pull. Values are shown by `pull` alone. */
export function addEnv(program: Command, context: Context): void {
  const { out } = context;
  const env = program.command('env').description('list, set and remove environment values');
  const withTarget = (command: Command) =>
    command
      .addOption(new Option('--preview', 'for every branch but main').conflicts('branch'))
      .option('--branch <name>', 'for one branch alone');
  const withChange = (command: Command) =>
    withTarget(command).option('--no-redeploy', 'only what is deployed from now on gets the values');

  env
    .command('list', { isDefault: true })
    .alias('ls')
    .argument('<app>')
    .description('list the names of all values')
    .action(async (app: string) => {
      const { thaw } = await context.connection();
      const entries = await thaw.environment.list(app);
      out.result({ entries }, () =>
        table(
          ['NAME', 'FOR', 'CHANGED'],
          entries.map((entry) => [entry.name, told(entry.target), ago(entry.updatedAt, context.now())]),
        ),
      );
    });

  withChange(
    env
      .command('set')
      .argument('<app>')
      .argument('[values...]', 'NAME=value')
      .description('set values, and bake what is released again with them')
      .option('--file <path>', 'a dotenv file with values'),
  ).action(async (app: string, assignments: string[], options: ChangeOptions & { file?: string }) => {
    const values = { ...(await fromFile(options.file)), ...fromArguments(assignments) };
    if (Object.keys(values).length === 0) {
      throw new ThawApiError('invalid_input', 'There is nothing to set.', { hint: 'Write NAME=value, or use --file.' });
    }
    await change(context, app, values, options);
  });

  withChange(
    env
      .command('unset')
      .argument('<app>')
      .argument('<names...>')
      .description('remove values, and bake what is released again without them'),
  ).action(async (app: string, names: string[], options: ChangeOptions) => {
    await change(context, app, Object.fromEntries(names.map((name) => [name, null])), options);
  });

  withTarget(
    env.command('pull').argument('<app>').description('write the values, as a dotenv file, to standard output'),
  ).action(async (app: string, options: TargetOptions) => {
    const { thaw } = await context.connection();
    const values = await thaw.environment.values(app, targetOf(options));
    out.result({ values }, () => dotenv(values));
  });
}

async function change(
  { connection, out }: Context,
  app: string,
  values: Record<string, string | null>,
  options: ChangeOptions,
): Promise<void> {
  const { thaw } = await connection();
  const target = targetOf(options);
  const changed = await thaw.environment.change(
    app,
    { target, values },
    { redeploy: options.redeploy, onLine: (text) => out.note(out.foreign(text, process.stderr)) },
  );
  const names = Object.keys(values).join(', ');
  const done = Object.values(values).every((value) => value === null) ? 'Removed' : 'Set';
  out.result(changed, () =>
    [
      `${done} ${names} for ${told(target)} of ${app}.`,
      ...changed.deployed.map(({ release, url }) => `Release ${release.number} of ${release.branch}: ${url}`),
    ].join('\n'),
  );
}

function targetOf({ preview, branch }: TargetOptions): EnvironmentTarget {
  if (branch !== undefined) return { branch };
  return preview === true ? 'preview' : 'production';
}

function told(target: EnvironmentTarget): string {
  return typeof target === 'string' ? target : `branch ${target.branch}`;
}

/** @throws ThawApiError without the text of the argument, which may be a secret */
function fromArguments(assignments: string[]): Record<string, string> {
  const entries = assignments.map((assignment, at) => {
    const equals = assignment.indexOf('=');
    if (equals > 0) return [assignment.slice(0, equals), assignment.slice(equals + 1)];
    throw new ThawApiError('invalid_input', `Value ${at + 1} of ${assignments.length} is not written NAME=value.`, {
      hint: 'For example: thaw env set my-app GREETING=hello',
    });
  });
  return Object.fromEntries(entries);
}

async function fromFile(path: string | undefined): Promise<Record<string, string>> {
  if (path === undefined) return {};
  try {
    return readDotenv(await readFile(path, 'utf8'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ThawApiError('invalid_input', `${path} cannot be read${code === undefined ? '' : ` (${code})`}.`, {
      cause,
    });
  }
}

/** @throws ThawApiError for a value that no dotenv file can hold: leaving it out without a word would lose it */
function dotenv(values: Record<string, string>): string {
  const lines = Object.entries(values).map(([name, value]) => {
    const line = dotenvLine(name, value);
    if (line !== undefined) return line;
    throw new ThawApiError('unprocessable', `The value of ${name} cannot be written in a dotenv file.`, {
      hint: 'Use --json.',
    });
  });
  return lines.join('\n');
}
