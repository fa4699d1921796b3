import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { exists } from './inside.ts';
import { isRecord, type PackageJson, packageNames } from './package-json.ts';
import { hashOf, type Project } from './project.ts';

/** Members of package.json that name packages. */
const DEPENDENCIES = ['dependencies', 'optionalDependencies'];
/** Members of package.json that an install goes by. */
const MEMBERS = [
  ...['name', 'version', 'bin', ...DEPENDENCIES, 'devDependencies', 'peerDependencies', 'peerDependenciesMeta'],
  ...['overrides', 'resolutions', 'dependenciesMeta', 'workspaces', 'packageManager', 'engines', 'pnpm'],
];
/** Scripts of the project's own that an install runs; they may read any file. */
const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
const FILES = [
  ...['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock'],
  ...['.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml'],
];
/** What lets an install read other files of the tree: patches, plugins, hooks, and an addon that npm builds unasked. */
const READING = ['.pnpmfile.cjs', '.pnpmfile.mjs', 'binding.gyp', 'patches', '.yarn/patches', '.yarn/plugins'];
/** Packages that lie in the tree; some managers copy them. */
const LOCAL = /^(file|link|portal|patch|exec):|^\.{0,2}\//;

/** The package.json files that one install goes by. */
export type Manifests = { path: string; packageJson: PackageJson }[];

/** The one at the top; in a workspace all of the tree, because which of them belong to it is the manager's to say. */
export async function readManifests({ root, packageJson }: Project): Promise<Manifests> {
  if (packageJson === undefined) return [];
  const all: Manifests = [{ path: 'package.json', packageJson }];
  const workspace = packageJson.workspaces !== undefined || (await exists(join(root, 'pnpm-workspace.yaml')));
  if (workspace) {
    for (const path of (await manifestsBelow(root)).sort()) {
      const text = await readFile(join(root, path), 'utf8');
      const value = parsed(text);
      if (path !== 'package.json' && isRecord(value)) all.push({ path, packageJson: value });
    }
  }
  return all;
}

/** Whether there is anything to install. */
export function wantsPackages(all: Manifests, dev: boolean): boolean {
  const members = [...DEPENDENCIES, ...(dev ? ['devDependencies'] : [])];
  const named = all.some(({ packageJson }) => members.some((member) => packageNames(packageJson, member).length > 0));
  return named || all.length > 1; // Its own packages have to be linked.
}

/**
 * A hash of all that an install depends on; undefined when it may read more than is known.
 *
 * @param tool the command, with its version
 */
export async function installKey(root: string, all: Manifests, tool: string[]): Promise<string | undefined> {
  for (const file of READING) if (await exists(join(root, file))) return undefined;
  const readsMore = all.some(({ packageJson }) => {
    const scripts = isRecord(packageJson.scripts) ? packageJson.scripts : {};
    return LIFECYCLE.some((name) => name in scripts) || namesLocal(packageJson);
  });
  if (readsMore) return undefined;
  const picked = all.map(({ path, packageJson }) => [path, ...MEMBERS.map((member) => packageJson[member] ?? null)]);
  return hashOf(root, FILES, JSON.stringify(picked), tool.join(' '));
}

function namesLocal(packageJson: PackageJson): boolean {
  return [...DEPENDENCIES, 'devDependencies', 'resolutions', 'overrides'].some((member) => {
    const named = packageJson[member];
    return isRecord(named) && Object.values(named).some((value) => typeof value === 'string' && LOCAL.test(value));
  });
}

async function manifestsBelow(root: string): Promise<string[]> {
  const found: string[] = [];
  const look = async (directory: string) => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isFile() && entry.name === 'package.json') found.push(relative(root, path));
      else if (entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git') await look(path);
    }
  };
  await look(root);
  return found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined; // A broken one is the manager's to complain about.
  }
}
