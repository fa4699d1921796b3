import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { type DbFlags, withProject } from '../db-flags.ts';

interface AttachFlags extends DbFlags {
  preview?: boolean;
  previewBranches?: boolean;
}

/** `thaw db attach` and `detach`. */
export function addDbAttach(db: Command, context: Context): void {
  const { out } = context;
  const onLine = (text: string) => out.note(out.foreign(text, process.stderr));

  withProject(
    db
      .command('attach')
      .argument('<name>')
      .argument('<app>')
      .description('set DATABASE_URL and DATABASE_URL_DIRECT of an app, and bake it again')
      .addOption(new Option('--preview', 'for its previews instead of production').conflicts('previewBranches'))
      .option('--preview-branches', 'for its previews: each gets a branch of the database, which ends with it'),
  ).action(async (name: string, app: string, { preview, previewBranches, project }: AttachFlags) => {
    const { thaw } = await context.connection();
    const branches = previewBranches === true;
    const target = branches || preview === true ? 'preview' : 'production';
    const changed = await thaw.databases.attach(name, app, { target, branches }, { project, onLine });
    const whose = target === 'preview' ? `The previews of ${app} reach` : `${app} reaches`;
    const what = branches ? `branches of ${name}` : name;
    out.result(changed, () => `${whose} ${what} by DATABASE_URL and DATABASE_URL_DIRECT.`);
  });

  withProject(
    db
      .command('detach')
      .argument('<name>')
      .argument('<app>')
      .description('take a database out of an app and its previews, and bake them again')
      .option('--remove-branches', 'remove the branches that previews have of it, with their data'),
  ).action(async (name: string, app: string, { removeBranches, project }: DbFlags & { removeBranches?: boolean }) => {
    const { thaw } = await context.connection();
    const changed = await thaw.databases.detach(name, app, { project, onLine, removeBranches });
    out.result(changed, () => `${app} does not have ${name} any more.`);
  });
}
