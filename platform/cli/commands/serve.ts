import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';

/**
 * What an idle server would keep of its last busy moment is bounded: by default Node lets the space for new objects grow
 * to 64 MiB, a third of the server, and does not give it back.
 */
const NODE_FLAGS = ['--max-semi-space-size=8'];

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
