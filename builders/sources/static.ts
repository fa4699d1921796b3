import { join } from 'node:path';
import { exists } from '../guest/inside.ts';
import { npmInstall } from '../guest/npm-install.ts';
import { firstOf, type Project, type Source } from '../guest/project.ts';
import { type Built, Failed } from '../guest/say.ts';
import { buildCommands, buildStep } from './node-web.ts';

/** Where tools leave what they have built, in order. */
const OUTPUTS = ['dist', 'build', 'out', 'public', '_site', '.output/public'];
const PAGE = 'index.html';

/** Files that are served as they are: those of the tree, or those that its build leaves. */
export async function staticSite(project: Project): Promise<Source | undefined> {
  const { root, settings } = project;
  const { runtime } = settings;
  if (runtime !== undefined && runtime !== 'static') return undefined;
  const build = buildCommands(project);
  const page = await firstOf(root, [PAGE, `public/${PAGE}`]);
  if (build.length > 0) {
    return {
      detected: settings.build === undefined ? 'static site (package.json build)' : 'static site (thaw.toml build)',
      ...(await npmInstall(project, { dev: true })),
      build: async (installed) => {
        await buildStep(installed, build);
        return site(await outputOf(installed));
      },
    };
  }
  if (page === undefined) {
    if (runtime === undefined) return undefined;
    throw new Failed('thaw.toml says that this is a static site, but there is no index.html and no build command.');
  }
  return { detected: `static site (${page})`, build: async () => site(page === PAGE ? '' : 'public') };
}

const site = (root: string): Built => ({ kind: 'static', runtime: 'node', root });

async function outputOf({ root }: Project): Promise<string> {
  for (const directory of OUTPUTS) if (await exists(join(root, directory, PAGE))) return directory;
  if (await exists(join(root, PAGE))) return '';
  throw new Failed(`The build left no index.html in any of ${OUTPUTS.join(', ')}.`, {
    hint: 'A program that listens needs a start script in package.json, or `start` in thaw.toml.',
  });
}
