import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle, Unresolved } from '../function/bundle.ts';
import { findEntry } from '../function/entry.ts';
import { keptPackages } from '../function/native.ts';
import { shell } from '../guest/command.ts';
import { exists } from '../guest/inside.ts';
import { installOmitted, npmInstall } from '../guest/npm-install.ts';
import { isRecord, packageNames } from '../guest/package-json.ts';
import type { Project, Source } from '../guest/project.ts';
import type { Built } from '../guest/say.ts';

/** A module that gives something away, as functions do. */
const EXPORTS =
  /\bexport\s+(default\b|\*|\{|(async\s+)?function\b|const\b|let\b|class\b)|\bmodule\.exports\b|\bexports\.\w+\s*=/;
/** A program that serves by itself. */
const LISTENS = /\.listen\s*\(|\bserve\s*\(/;

/** A module that exports a request handler: `index.*`, or what `exports` or `main` of package.json name. */
export async function functionSource(project: Project): Promise<Source | undefined> {
  const { root, packageJson, settings } = project;
  if (settings.runtime !== undefined && settings.runtime !== 'node') return undefined;
  const entry = await findEntry(root, packageJson);
  if (entry === undefined) return undefined;
  if (hasScript(packageJson, 'start') && !(await looksLikeHandler(join(root, entry)))) return undefined;
  return {
    detected: `function (${entry})`,
    ...(await npmInstall(project, { dev: false, flat: true })),
    build: (installed) => build(installed, entry),
  };
}

export function hasScript(packageJson: Project['packageJson'], name: string): boolean {
  return isRecord(packageJson?.scripts) && typeof packageJson.scripts[name] === 'string';
}

/** Code with a start script may be either; only running it would tell for sure. */
async function looksLikeHandler(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8');
  return EXPORTS.test(text) && !LISTENS.test(text);
}

/**
 * Bundles the function and leaves in the tree what has to be there when it runs: the bundle, and the repository's other
 * files beside it, because code reads them by relative URL.
 */
async function build(project: Project, entry: string): Promise<Built> {
  const { root, packageJson, runtimeRoot, esbuild, settings, tell, env, signal } = project;
  if (settings.build !== undefined) {
    tell({ say: `Building (${settings.build})` });
    await shell('The build step', settings.build, { cwd: root, env, tell, signal });
  }
  tell({ say: 'Bundling' });
  const kept = await keptPackages(root, packageJson);
  const options = { root, entry, external: kept.names, runtimeRoot, esbuild, tell };
  const out = await bundle(options).catch(async (error: unknown) => {
    const omitted = packageNames(packageJson, 'devDependencies');
    const left = error instanceof Unresolved ? error.packages.filter((name) => omitted.includes(name)) : [];
    if (left.length === 0) throw error;
    tell({ say: `The code imports ${left.join(', ')} from devDependencies` });
    await installOmitted(project);
    return bundle(options);
  });

  const packages = join(root, 'node_modules');
  if (await exists(packages)) {
    const aside = join(dirname(root), 'installed-packages');
    await rm(aside, { recursive: true, force: true }); // An earlier build's.
    await rename(packages, aside);
    if (kept.names.length > 0) await mkdir(packages);
    await kept.move(aside, packages);
  }
  return { kind: 'function', runtime: 'node', root: '', entry: out, name: entry };
}
