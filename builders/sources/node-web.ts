import { shell } from '../guest/command.ts';
import { npmInstall } from '../guest/npm-install.ts';
import { managerPrograms } from '../guest/package-managers.ts';
import type { Project, Source } from '../guest/project.ts';
import { pruneDev } from '../guest/prune.ts';
import type { Built } from '../guest/say.ts';
import { scriptOf, scriptsOf, startOf, unwrapped } from './start-script.ts';

const PROGRAMS = ['node_modules/.bin'];

/** A program on Node that listens: `scripts.start` of package.json, after `scripts.build` when there is one. */
export async function nodeWeb(project: Project): Promise<Source | undefined> {
  const { packageJson, settings } = project;
  if (scriptOf(packageJson, 'start') === undefined) return undefined;
  if (settings.runtime !== undefined && settings.runtime !== 'node') return undefined;
  return nodeApp(project, 'npm start', 'Node web app (package.json start)');
}

/** A program on Node that is started by a command line. */
export async function nodeApp(project: Project, command: string, detected: string): Promise<Source> {
  const { packageJson, runtimeRoot } = project;
  const build = buildCommands(project);
  const start = unwrapped(command, packageJson);
  return {
    detected,
    // Tools that only the build needs are among the devDependencies.
    ...(await npmInstall(project, { dev: build.length > 0 })),
    async build(installed): Promise<Built> {
      await buildStep(installed, build);
      if (build.length > 0) await pruneDev(installed, start);
      return { kind: 'web', runtime: 'node', root: '', argv: startOf(start, runtimeRoot, PROGRAMS) };
    },
  };
}

/** What builds a project: the command of thaw.toml, or the script of package.json. */
export function buildCommands({ settings, packageJson }: Project): string[] {
  return settings.build === undefined ? scriptsOf(packageJson, 'build') : [settings.build];
}

/** Runs the commands that build, one after the other, with the installed programs on their path. */
export async function buildStep(project: Project, commands: readonly string[]): Promise<void> {
  const { root, env, tell, signal } = project;
  const directories = [...PROGRAMS.map((directory) => `${root}/${directory}`), ...(await managerPrograms(project))];
  const path = directories.map((directory) => `${directory}:`).join('');
  for (const command of commands) {
    tell({ say: `Building (${command})` });
    await shell('The build step', `export PATH="${path}$PATH"; ${command}`, { cwd: root, env, tell, signal });
  }
}
