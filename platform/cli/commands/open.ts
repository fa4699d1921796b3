import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import type { Context } from '../context.ts';

/** `thaw open <app>`: prints the app's address, and shows it in a browser where there is a screen. */
export function addOpen(program: Command, context: Context): void {
  const { out, environment } = context;
  program
    .command('open')
    .argument('<app>')
    .description("print an app's address, and open it where there is a screen")
    .action(async (name: string) => {
      const { thaw } = await context.connection();
      const { url } = await thaw.apps.get(name);
      out.result({ url }, () => url);
      if (environment.display && !(await show(url))) out.note('No browser could be opened.');
    });
}

/** Hands an address to the desktop. It is an http(s) URL, so it cannot be taken for an option or a file. */
async function show(url: string): Promise<boolean> {
  if (!/^https?:\/\//.test(url)) return false;
  const child = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
  child.unref();
  return await once(child, 'spawn').then(
    () => true,
    () => false,
  );
}
