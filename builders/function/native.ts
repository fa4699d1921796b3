import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRecord, type PackageJson, packageNames, readPackageJson } from '../guest/package-json.ts';

const PREFIX = 'node_modules/';

/** What is installed: paths like `node_modules/a/node_modules/b`, each with what its package.json says that matters here. */
type Installed = Map<string, Record<string, unknown>>;

/** Packages that stay packages instead of becoming part of the bundle. */
export interface KeptPackages {
  /** Names that the bundler leaves as imports. */
  names: string[];
  /** Moves them, with all they need, out of `from` to `to`; both are `node_modules` directories. */
  move(from: string, to: string): Promise<void>;
}

/**
 * Finds the packages that cannot be bundled: those with native addons, those that load one out of another package, and
 * those that package.json lists under `thaw.external` (because they read their own files, for example).
 */
export async function keptPackages(root: string, packageJson: PackageJson | undefined): Promise<KeptPackages> {
  const installed = await readInstalled(root);
  const native = new Set<string>();
  for (const [path, about] of installed) {
    // A native addon is built by an install script or comes in a package for one kind of machine.
    if (about.hasInstallScript !== true && about.cpu === undefined && about.os === undefined) continue;
    if (await hasAddon(join(root, path))) native.add(nameOf(path));
  }
  const asked = isRecord(packageJson?.thaw) ? packageJson.thaw.external : undefined;
  const names = new Set([...native, ...(Array.isArray(asked) ? asked.filter((name) => typeof name === 'string') : [])]);
  for (const [path, about] of installed) {
    if (needs(about).some((name) => native.has(name))) names.add(nameOf(path));
  }
  return { names: [...names], move: (from, to) => move(closure(names, installed), from, to) };
}

/** By npm's own note; the other managers leave none, and what they left is looked at. */
async function readInstalled(root: string): Promise<Installed> {
  const text = await readFile(join(root, PREFIX, '.package-lock.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return lookAtInstalled(root, '');
  const note: unknown = JSON.parse(text);
  const packages = isRecord(note) && isRecord(note.packages) ? Object.entries(note.packages) : [];
  return new Map(
    packages.filter(
      (entry): entry is [string, Record<string, unknown>] => isRecord(entry[1]) && entry[0].startsWith(PREFIX),
    ),
  );
}

async function lookAtInstalled(root: string, below: string): Promise<Installed> {
  const found: Installed = new Map();
  const modules = join(below, PREFIX);
  const names = await readdir(join(root, modules)).catch(() => []);
  for (const name of names.filter((one) => !one.startsWith('.'))) {
    const inside = name.startsWith('@') ? await readdir(join(root, modules, name)) : [''];
    for (const rest of inside) {
      const path = join(modules, name, rest);
      const packageJson = await readPackageJson(join(root, path)).catch(() => undefined);
      if (packageJson === undefined) continue;
      const scripts = isRecord(packageJson.scripts) ? packageJson.scripts : {};
      found.set(path, { ...packageJson, hasInstallScript: 'install' in scripts || 'postinstall' in scripts });
      for (const [deeper, about] of await lookAtInstalled(root, path)) found.set(deeper, about);
    }
  }
  return found;
}

async function hasAddon(directory: string): Promise<boolean> {
  const files = await readdir(directory, { recursive: true }).catch(() => []);
  return files.some((file) => file.endsWith('.node'));
}

const nameOf = (path: string) => path.slice(path.lastIndexOf(PREFIX) + PREFIX.length);

const needs = (about: Record<string, unknown>) =>
  ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((member) => packageNames(about, member));

/** The packages with everything they need in turn. Names are enough: nested ones travel inside their parents. */
function closure(names: Iterable<string>, installed: Installed): Set<string> {
  const all = new Set(names);
  for (const name of all) {
    for (const [path, about] of installed) {
      if (nameOf(path) === name) for (const needed of needs(about)) all.add(needed);
    }
  }
  return all;
}

async function move(names: Iterable<string>, from: string, to: string): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await rename(join(from, name), join(to, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error; // An optional one for another kind of machine.
    });
  }
}
