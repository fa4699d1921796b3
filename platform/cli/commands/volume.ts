import type { Command } from 'commander';
import type { Volume } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { mebibytes, shownSize } from '../size.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';
import { addVolumeCopies } from './volume-copies.ts';

const PROJECT = ['--project <name>', 'project that it belongs to; for an admin key'] as const;

/** `thaw volume`: create, list, attach, detach, resize, rm, and what `volume-copies.ts` adds. */
export function addVolume(program: Command, context: Context): void {
  const { out } = context;
  const volume = program.command('volume').alias('volumes').description('disks that outlive what they are mounted in');

  volume
    .command('create')
    .argument('<name>')
    .description('make an empty volume')
    .requiredOption('--size <size>', '512MB, 10GB', mebibytes)
    .option(...PROJECT)
    .action(async (name: string, { size, project }: { size: number; project?: string }) => {
      const { thaw } = await context.connection();
      const made = await thaw.volumes.create(name, size, { project });
      out.result({ volume: made }, () => `Created the volume ${made.name}, ${shownSize(made.sizeMiB)}.`);
    });

  volume
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list volumes and who has them')
    .action(async () => {
      const { thaw } = await context.connection();
      const all = await thaw.volumes.list();
      out.result({ volumes: all }, () =>
        table(
          ['NAME', 'PROJECT', 'SIZE', 'USED', 'APP', 'IN USE BY', 'CREATED'],
          all.map((one) => [
            one.name,
            one.project,
            shownSize(one.sizeMiB),
            shownSize(one.usedMiB),
            places(one),
            holder(one),
            ago(one.createdAt, context.now()),
          ]),
        ),
      );
    });

  volume
    .command('attach')
    .argument('<name>')
    .argument('<app>')
    .argument('<path>', 'directory in the app, such as /data')
    .description('give a volume to the next deployments of an app')
    .option(...PROJECT)
    .action(async (name: string, app: string, path: string, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      const attached = await thaw.volumes.attach(name, { app, path }, { project });
      out.note(`It is there from the next deployment on: push, or \`thaw deploy\`.`);
      out.result({ volume: attached }, () => `${name} is attached to ${app} at ${path}.`);
    });

  volume
    .command('detach')
    .argument('<name>')
    .description('take a volume away from the next deployments of its app')
    .option(...PROJECT)
    .action(async (name: string, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      const detached = await thaw.volumes.detach(name, { project });
      out.result({ volume: detached }, () => `${name} is attached to nothing.`);
    });

  volume
    .command('resize')
    .argument('<name>')
    .argument('<size>', 'larger than it is: 512MB, 10GB', mebibytes)
    .description('make a volume larger, also while it is in use')
    .option(...PROJECT)
    .action(async (name: string, size: number, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      const resized = await thaw.volumes.resize(name, size, { project });
      out.result({ volume: resized }, () => `${name} has ${shownSize(resized.sizeMiB)}.`);
    });

  addVolumeCopies(volume, context);

  volume
    .command('rm')
    .alias('remove')
    .argument('<name>')
    .description('remove a volume with its snapshots')
    .option(...PROJECT)
    .action(async (name: string, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      await thaw.volumes.remove(name, { project });
      out.result({ removed: name }, () => `Removed ${name}.`);
    });
}

function places({ attached, mounts }: Volume): string {
  const inFront = mounts.map(({ app, path }) => `${app}:${path}`);
  const next = attached === null ? [] : [`${attached.app}:${attached.path}`].filter((one) => !inFront.includes(one));
  return [...inFront, ...next.map((one) => `${one} (next)`)].join(', ') || '-';
}

function holder({ holder: who }: Volume): string {
  if (who === null) return '-';
  return 'app' in who ? `app ${who.app}` : `sandbox ${who.sandbox}`;
}
