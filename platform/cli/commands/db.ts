import type { Command } from 'commander';
import type { Database, DatabaseAttachment, KeepAwake } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { type DbFlags, milliseconds, positive, withProject, withSleep } from '../db-flags.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';
import { addDbAttach } from './db-attach.ts';
import { addDbBackups } from './db-backups.ts';
import { addDbData } from './db-data.ts';
import { addDbStates } from './db-states.ts';
import { addDbStats } from './db-stats.ts';

interface CreateFlags extends DbFlags {
  postgres?: number;
  memory?: number;
  disk?: number;
  idle?: number;
  keepAwake?: KeepAwake[];
}

/** `thaw db`: create, list, info, rm, and what the files beside this one add. */
export function addDb(program: Command, context: Context): void {
  const { out } = context;
  const db = program.command('db').description('Postgres databases that sleep');

  withSleep(
    withProject(
      db
        .command('create')
        .argument('<name>')
        .description('make a database, and print its URLs')
        .option('--postgres <version>', 'its major version of PostgreSQL, default the newest', positive)
        .option('--memory <mib>', 'its memory, default 512', positive)
        .option('--disk <mib>', 'its disk, default 8192', positive),
    ),
  ).action(async (name: string, { postgres, memory, disk, idle, keepAwake, project }: CreateFlags) => {
    const { thaw } = await context.connection();
    const wanted = { name, version: postgres, memoryMiB: memory, diskMiB: disk, idleSeconds: idle, keepAwake };
    const made = await thaw.databases.create(wanted, { project });
    out.result(made, () => `${made.url}\n${made.directUrl}`);
    out.note('The first is for apps and goes through the pool; the second goes straight to Postgres.');
  });

  withProject(db.command('list', { isDefault: true }).alias('ls').description('list databases')).action(
    async ({ project }: DbFlags) => {
      const { thaw } = await context.connection();
      const all = await thaw.databases.list({ project });
      out.result({ databases: all }, () =>
        table(
          ['DATABASE', 'PROJECT', 'STATE', 'CLIENTS', 'MEMORY', 'DISK', 'PARENT', 'PREVIEW', 'CREATED'],
          all.map((one) => [
            one.name,
            one.project,
            one.state,
            String(one.connections.direct + one.connections.pooled),
            `${one.memoryMiB} MiB`,
            `${one.diskMiB} MiB`,
            one.parent ?? '-',
            one.preview === null ? '-' : `${one.preview.branch} of ${one.preview.app}`,
            ago(one.createdAt, context.now()),
          ]),
        ),
      );
    },
  );

  withProject(
    db.command('info').argument('<name>').description('show a database and, to who may manage it, its URLs'),
  ).action(async (name: string, { project }: DbFlags) => {
    const { thaw } = await context.connection();
    const known = await thaw.databases.get(name, { project });
    const urls = await thaw.databases.urls(name, { project }).catch(() => undefined);
    const attachments = await thaw.databases.attachments(name, { project });
    out.result({ ...known, attachments, ...urls }, () =>
      [
        ...lines(known, attachments),
        ...(urls === undefined ? [] : [`url        ${urls.url}`, `direct     ${urls.directUrl}`]),
      ].join('\n'),
    );
  });

  withProject(
    db.command('rm').alias('remove').argument('<name>').description('remove a database with its data'),
  ).action(async (name: string, { project }: DbFlags) => {
    const { thaw } = await context.connection();
    await thaw.databases.remove(name, { project });
    out.result({ removed: name }, () => `Removed ${name}.`);
  });

  addDbStates(db, context);
  addDbAttach(db, context);
  addDbData(db, context);
  addDbStats(db, context);
  addDbBackups(db, context);
}

function lines(one: Database, attachments: DatabaseAttachment[]): string[] {
  const { direct, pooled } = one.connections;
  return [
    `database   ${one.name} in ${one.project}`,
    `state      ${one.state}`,
    `clients    ${direct} direct, ${pooled} pooled`,
    `postgres   ${one.version}`,
    `size       ${one.memoryMiB} MiB of memory, ${one.diskMiB} MiB of disk`,
    `sleeps     ${one.idleSeconds === 0 ? 'never' : `after ${milliseconds(one.idleSeconds)}`}`,
    ...(one.keepAwake.length === 0 ? [] : [`kept awake by ${one.keepAwake.join(', ')}`]),
    ...(one.parent === null ? [] : [`parent     ${one.parent}`]),
    ...(one.preview === null ? [] : [`preview    ${one.preview.branch} of ${one.preview.app}; it ends with that`]),
    ...attachments.map((attached) => `attached   ${place(attached)}`),
  ];
}

function place({ app, target, branches }: DatabaseAttachment): string {
  if (target === 'production') return app;
  return branches ? `previews of ${app}, a branch for each` : `previews of ${app}`;
}
