import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ThawApiError } from '../../sdk/index.ts';
import { defaultAppName } from '../app-name.ts';
import type { Context } from '../context.ts';
import { listFiles } from '../files.ts';
import { tar } from '../tar.ts';
import { duration } from '../time.ts';

/** `thaw deploy [dir]`: the same build as a push, without git. The address is the only line on standard output. */
export function addDeploy(program: Command, context: Context): void {
  program
    .command('deploy')
    .argument('[dir]', 'what to deploy', '.')
    .description('build and release a directory, without git')
    .option('--app <name>', 'app; default: the name in package.json, else that of the directory')
    .option('--branch <name>', 'branch; every one but main is a preview', 'main')
    .action(async (dir: string, options: { app?: string; branch: string }) => {
      await deploy(resolve(dir), options, context);
    });
}

async function deploy(directory: string, options: { app?: string; branch: string }, context: Context): Promise<void> {
  const { out, environment, signal, now } = context;
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new ThawApiError('invalid_input', `${directory} is no directory.`);
  const app = options.app ?? (await defaultAppName(directory));
  const env = environment.withoutGit;
  const { files, leftOut } = await listFiles(directory, { env, signal });
  if (files.length === 0) {
    throw new ThawApiError('invalid_input', `There is nothing to deploy in ${directory}.`, {
      hint: 'Name the directory with the code, or look at what .gitignore leaves out.',
    });
  }
  for (const path of leftOut) out.note(`Left out: ${path} (a repository of its own).`);
  const { thaw } = await context.connection();
  out.note(`Deploying ${files.length} ${files.length === 1 ? 'file' : 'files'} of ${directory} to ${app}.`);
  const began = now().getTime();
  const deployed = await thaw.deployments.deploy(
    app,
    tar(directory, files, { env, signal, onRemark: (text) => out.note(text) }),
    {
      branch: options.branch,
      onLine: (text) => out.note(out.foreign(text, process.stderr)),
    },
  );
  const { deployment, release, url } = deployed;
  out.note(`Deployed ${deployment.id} as release ${release.number} in ${duration(now().getTime() - began)}.`);
  out.result(deployed, () => url);
}
