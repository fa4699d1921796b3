import { shell } from '../guest/command.ts';
import { npmInstall } from '../guest/npm-install.ts';
import type { Project, Source } from '../guest/project.ts';
import type { Built } from '../guest/say.ts';
import { scriptOf, startOf } from './start-script.ts';

const PROGRAMS = ['node_modules/.bin'];

/** A program on Node that listens: `scripts.start` of package.json, after `scripts.build` when there is one. */
export async function nodeWeb(project: Project): Promise<Source | undefined> {
  const { packageJson, settings } = project;
  const start = scriptOf(packageJson, 'start');
  if (start === undefined || (settings.runtime !== undefined && settings.runtime !== 'node')) return undefined;
  return nodeApp(project, start, 'Node web app (package.json start)');
}

/** A program on Node that is started by a command line. */
export async function nodeApp(project: Project, start: string, detected: string): Promise<Source> {
  const { packageJson, settings, runtimeRoot } = project;
  const build = settings.build ?? scriptOf(packageJson, 'build');
  return {
    detected,
    // Tools that only the build needs are among the devDependencies.
    ...(await npmInstall(project, { dev: build !== undefined })),
    async build(installed): Promise<Built> {
      await buildStep(installed, build);
      return { kind: 'web', runtime: 'node', root: '', argv: startOf(start, runtimeRoot, PROGRAMS) };
    },
  };
}

/** Runs the build command, if there is one. */
export async function buildStep({ root, env, tell }: Project, command: string | undefined): Promise<void> {
  if (command === undefined) return;
  tell({ say: `Building (${command})` });
  const path = PROGRAMS.map((directory) => `${root}/${directory}:`).join('');
  await shell('The build step', `export PATH="${path}$PATH"; ${command}`, { cwd: root, env, tell });
}
