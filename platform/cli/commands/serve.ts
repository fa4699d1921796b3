import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { NODE_FLAGS } from '../node-flags.ts';

/** `thaw serve`: this process becomes the server, so signals and the exit code are the server's own. */
export function addServe(program: Command, { environment }: Context): void {
  program
    .command('serve')
    .description('run the server; it logs JSON on standard error')
    .action(() => {
      const main = fileURLToPath(new URL('../../main.ts', import.meta.url));
      if (process.execve === undefined) {
        throw new ThawApiError('misconfigured', `The server does not run on ${process.platform}.`, {
          hint: 'Run it on Linux; every other command works from here, with THAW_URL.',
        });
      }
      process.execve(process.execPath, [process.execPath, ...NODE_FLAGS, main], environment.all);
    });
}
