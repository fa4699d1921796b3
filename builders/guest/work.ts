import { readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readSettings, SETTINGS_FILE } from '../settings/read.ts';
import type { Settings } from '../settings/schema.ts';
import { detect } from './detect.ts';
import { refuseLinksOut } from './inside.ts';
import { takeOver } from './installed.ts';
import { readPackageJson } from './package-json.ts';
import { type Esbuild, hashOf, type Project, type Source } from './project.ts';
import { type Built, Failed, type Line, type Order, type Plan, type Tell } from './say.ts';

/** The tree that is worked on, from one order to the next. */
export class Work {
  readonly #esbuild: Esbuild;
  #project: Project | undefined;
  #source: Source | undefined;

  constructor(esbuild: Esbuild) {
    this.#esbuild = esbuild;
  }

  /** Does what is ordered, and answers the last line. @throws Failed, or ThawError for a wrong `thaw.toml` */
  async carryOut(order: Order, tell: Tell, signal: AbortSignal): Promise<Line> {
    if (order.do === 'inspect') return { plan: await this.#inspect(order, tell, signal) };
    const [project, source] = [this.#project, this.#source];
    if (project === undefined || source === undefined) throw new Failed('There is no tree to work on.');
    const at = { ...project, tell, signal };
    if (order.do === 'build') return { built: await build(at, source, order.installedIn) };
    await source.install?.run(at);
    return { installed: true };
  }

  async #inspect(order: Order & { do: 'inspect' }, tell: Tell, signal: AbortSignal): Promise<Plan> {
    const { tree, runtimeRoot, env } = order;
    const root = await realpath(tree);
    await refuseLinksOut(root);
    const settings = await settingsOf(root);
    const packageJson = await readPackageJson(root);
    const project: Project = {
      root,
      runtimeRoot,
      settings,
      packageJson,
      // What the platform and `thaw env` say wins.
      env: { ...settings.env, ...env },
      esbuild: this.#esbuild,
      tell,
      signal,
    };
    const source = await detect(project);
    this.#project = project;
    this.#source = source;
    const { detected, install } = source;
    const plan: Plan = { detected, settings };
    if (install === undefined) return plan;
    const { command, key } = install;
    // Install scripts may read the environment, so another one makes another outcome.
    const whole = key === undefined ? undefined : await hashOf(root, [], command, key, JSON.stringify(env));
    return { ...plan, install: { command, ...(whole === undefined ? {} : { key: whole }) } };
  }
}

async function build(project: Project, source: Source, installedIn: string | undefined): Promise<Built> {
  let { root } = project;
  if (installedIn !== undefined) {
    const place = await realpath(installedIn);
    await takeOver(place, root);
    root = place;
  }
  const built = await source.build({ ...project, root });
  await rm(join(root, '.git'), { recursive: true, force: true });
  return built;
}

async function settingsOf(root: string): Promise<Settings> {
  const text = await readFile(join(root, SETTINGS_FILE), 'utf8').catch(() => undefined);
  return text === undefined ? {} : readSettings(text);
}
