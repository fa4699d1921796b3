import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { shownSize } from '../size.ts';
import { table } from '../table.ts';
import { ago } from '../time.ts';

const PROJECT = ['--project <name>', 'project that it belongs to; for an admin key'] as const;

/** `thaw volume snapshot|snapshots|restore|clone|export|import`. */
export function addVolumeCopies(volume: Command, context: Context): void {
  const { out } = context;

  volume
    .command('snapshot')
    .argument('<name>')
    .argument('<snapshot>', 'what to call it')
    .description('keep a volume as it is now; who has it goes on')
    .option('--rm', 'remove this snapshot instead')
    .option(...PROJECT)
    .action(async (name: string, called: string, { rm, project }: { rm?: boolean; project?: string }) => {
      const { thaw } = await context.connection();
      if (rm === true) {
        await thaw.volumes.removeSnapshot(name, called, { project });
        out.result({ removed: called }, () => `Removed the snapshot ${called} of ${name}.`);
        return;
      }
      const snapshot = await thaw.volumes.snapshot(name, called, { project });
      out.result({ snapshot }, () => `${name} is kept as ${snapshot.name}.`);
    });

  volume
    .command('snapshots')
    .argument('<name>')
    .description('list the snapshots of a volume, newest first')
    .option(...PROJECT)
    .action(async (name: string, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      const snapshots = await thaw.volumes.snapshots(name, { project });
      out.result({ snapshots }, () =>
        table(
          ['SNAPSHOT', 'SIZE', 'USED', 'CREATED'],
          snapshots.map((one) => [
            one.name,
            shownSize(one.sizeMiB),
            shownSize(one.usedMiB),
            ago(one.createdAt, context.now()),
          ]),
        ),
      );
    });

  volume
    .command('restore')
    .argument('<name>')
    .argument('<snapshot>')
    .description('make a volume what it was; what was written since is gone')
    .option('--stop', 'stop the app that has it for that; it starts again with the next request')
    .option(...PROJECT)
    .action(async (name: string, snapshot: string, flags: { stop?: boolean; project?: string }) => {
      const { thaw } = await context.connection();
      const restored = await thaw.volumes.restore(name, snapshot, flags);
      out.result({ volume: restored }, () => `${name} is what it was at ${snapshot}.`);
    });

  volume
    .command('clone')
    .argument('<name>')
    .argument('<new name>')
    .description('make a volume of another one, as it is now')
    .option('--snapshot <snapshot>', 'as it was then')
    .option(...PROJECT)
    .action(async (name: string, to: string, flags: { snapshot?: string; project?: string }) => {
      const { thaw } = await context.connection();
      const made = await thaw.volumes.clone(name, to, flags);
      out.result({ volume: made }, () => `Created the volume ${made.name}, ${shownSize(made.sizeMiB)}.`);
    });

  volume
    .command('export')
    .argument('<name>')
    .description('write a volume to standard output: a raw ext4 image, packed with gzip')
    .option(...PROJECT)
    .action(async (name: string, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      for await (const chunk of thaw.volumes.export(name, { project, signal: context.signal })) {
        if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
      }
    });

  volume
    .command('import')
    .argument('<name>')
    .argument('[file]', 'default: standard input')
    .description('make a volume of a raw ext4 image, packed with gzip')
    .option(...PROJECT)
    .action(async (name: string, file: string | undefined, { project }: { project?: string }) => {
      const { thaw } = await context.connection();
      const image = file === undefined ? process.stdin : createReadStream(file);
      const made = await thaw.volumes.import(name, image, { project, signal: context.signal });
      out.result({ volume: made }, () => `Created the volume ${made.name}, ${shownSize(made.sizeMiB)}.`);
    });
}
