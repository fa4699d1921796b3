import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { step } from './command.ts';
import { exists } from './inside.ts';
import { installKey, readManifests, wantsPackages } from './manifests.ts';
import { fetchManager, type Manager, managerOf, type Wanted } from './package-managers.ts';
import type { Install, Project } from './project.ts';

/**
 * The install step of a project with a package.json; nothing when it names no packages. With a lockfile exactly what it
 * says. For functions `devDependencies` are left out, because they are mostly tools and the bundler needs no types.
 */
export async function npmInstall(project: Project, wanted: Wanted): Promise<{ install?: Install }> {
  const manifests = await readManifests(project);
  if (!wantsPackages(manifests, wanted.dev)) return {};
  const manager = await managerOf(project, wanted);
  const { command, argv, from = '' } = manager;
  const key = await installKey(project.root, manifests, [from, ...argv]);
  return { install: { command, key, run: (at) => runManager(at, manager) } };
}

/** Installs the `devDependencies` of a function too. */
export async function installOmitted(project: Project): Promise<void> {
  await runManager(project, await managerOf(project, { dev: true, flat: true }));
}

async function runManager(project: Project, manager: Manager): Promise<void> {
  const { root, tell, signal } = project;
  const { command, argv } = manager;
  if (await exists(join(root, 'bun.lock'))) {
    tell({ say: 'bun.lock is not read. A package-lock.json would fix the versions.' });
  }
  tell({ say: `Installing dependencies (${command})` });
  const programs = await fetchManager(project, manager);
  const path = [...programs, project.env.PATH ?? process.env.PATH].join(':');
  const env = { ...project.env, ...manager.env, PATH: path, COREPACK_ENABLE_STRICT: '0' };
  const restore = await readdress(root, manager);
  await step(`Installing the dependencies (${command})`, argv, { cwd: root, env, tell, signal });
  await restore();
}

/** Makes the lockfile of yarn 1 name the registry that builds may reach. Returns what puts its text back. */
async function readdress(root: string, { readdress: addresses }: Manager): Promise<() => Promise<void>> {
  const path = join(root, 'yarn.lock');
  const text = addresses === undefined ? '' : await readFile(path, 'utf8').catch(() => '');
  if (addresses === undefined || text === '') return async () => {};
  await writeFile(
    path,
    text.replaceAll(addresses[0], () => addresses[1]),
  );
  return () => writeFile(path, text);
}
