import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { type DbFlags, withProject } from '../db-flags.ts';

/** What the command line knows a program by that is not installed. */
const NOT_FOUND = 'ENOENT';

/** `thaw db export` and `connect`. */
export function addDbData(db: Command, context: Context): void {
  const { out } = context;

  withProject(
    db
      .command('export')
      .argument('<name>')
      .description('write a dump as SQL, for psql')
      .option('--output <path>', 'a file instead of standard output'),
  ).action(async (name: string, { output, project }: DbFlags & { output?: string }) => {
    const { thaw } = await context.connection();
    const dump = Readable.from(thaw.databases.export(name, { project, signal: context.signal }));
    if (output === undefined) await pipeline(dump, process.stdout, { end: false });
    else {
      await pipeline(dump, createWriteStream(output, { mode: 0o600 }));
      out.result({ written: output }, () => `Wrote ${output}.`);
    }
  });

  withProject(
    db
      .command('connect')
      .argument('<name>')
      .argument('[arguments...]', 'what psql is given besides')
      .description('open psql on a database')
      .allowUnknownOption(),
  ).action(async (name: string, more: string[], { project }: DbFlags) => {
    const { thaw } = await context.connection();
    const { directUrl } = await thaw.databases.urls(name, { project });
    const url = new URL(directUrl);
    const { password } = url;
    url.password = '';
    // The password is no argument: every user of the machine can read those.
    const psql = spawn('psql', [url.href, ...more], {
      stdio: 'inherit',
      env: { ...context.environment.all, PGPASSWORD: password },
    });
    const failed = once(psql, 'error').then(([error]) => Promise.reject(error));
    // Ctrl-C is psql's own.
    const ignore = () => undefined;
    process.on('SIGINT', ignore);
    try {
      const [code] = await Promise.race([once(psql, 'exit'), failed]);
      process.exitCode = code ?? 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== NOT_FOUND) throw error;
      throw new ThawApiError('invalid_input', 'There is no psql on this machine.', {
        hint: `Install it (Debian: postgresql-client), or use any other client with the URL of \`thaw db info ${name}\`.`,
      });
    } finally {
      process.off('SIGINT', ignore);
    }
  });
}
