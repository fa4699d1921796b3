import type { Command } from 'commander';
import type { KeepAwake } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { type DbFlags, withProject, withSleep } from '../db-flags.ts';

/** `thaw db sleep`, `wake`, `set` and `branch`. */
export function addDbStates(db: Command, context: Context): void {
  const { out } = context;

  withProject(
    db.command('sleep').argument('<name>').description('put a database to sleep now; its connections stay open'),
  ).action(async (name: string, { project }: DbFlags) => {
    const { thaw } = await context.connection();
    const known = await thaw.databases.sleep(name, { project });
    out.result(known, () => `${name} is ${known.state}.`);
  });

  withProject(db.command('wake').argument('<name>').description('wake a database, or start it')).action(
    async (name: string, { project }: DbFlags) => {
      const { thaw } = await context.connection();
      const known = await thaw.databases.wake(name, { project });
      out.result(known, () => `${name} is ${known.state}.`);
    },
  );

  withSleep(withProject(db.command('set').argument('<name>').description('change when a database sleeps'))).action(
    async (name: string, { idle, keepAwake, project }: DbFlags & { idle?: number; keepAwake?: KeepAwake[] }) => {
      const { thaw } = await context.connection();
      const known = await thaw.databases.configure(name, { idleSeconds: idle, keepAwake }, { project });
      out.result(known, () => `Changed ${name}.`);
    },
  );

  withProject(
    db
      .command('branch')
      .argument('<name>')
      .argument('<branch>', 'name of the new database')
      .description('copy a database as it is at this moment, with a password of its own'),
  ).action(async (name: string, branch: string, { project }: DbFlags) => {
    const { thaw } = await context.connection();
    const made = await thaw.databases.branch(name, branch, { project });
    out.result(made, () => `${made.url}\n${made.directUrl}`);
  });
}
