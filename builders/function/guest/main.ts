/*
 * Builds a function inside a builder VM:
 *
 *   node build.mjs <tree> <runtime root> <module path of esbuild>
 *
 * Checks the tree, finds the function in it, installs its packages, bundles it, and leaves in the tree what has to be
 * there when it runs: the bundle, and the repository's other files beside it, because code reads them by relative URL.
 */
import { mkdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BundleOptions, bundle, Unresolved } from './bundle.ts';
import { findEntry } from './entry.ts';
import { exists, refuseLinksOut } from './inside.ts';
import { install, installOmitted } from './install.ts';
import { keptPackages } from './native.ts';
import { readPackageJson } from './package-json.ts';
import { built, Failed, failed, say } from './say.ts';

const [, , tree = '', runtimeRoot = '', bundler = ''] = process.argv;
try {
  await main(await realpath(tree));
} catch (error) {
  failed(
    error instanceof Failed ? error : new Failed(`The build broke: ${error instanceof Error ? error.message : error}`),
  );
  process.exitCode = 1;
}

async function main(root: string): Promise<void> {
  await refuseLinksOut(root);
  const packageJson = await readPackageJson(root);
  const entry = await findEntry(root, packageJson);
  say(`Detected: function (${entry})`);
  const { omitted } = await install(root, packageJson);

  say('Bundling');
  const kept = await keptPackages(root, packageJson);
  const esbuild: BundleOptions['esbuild'] = await import(pathToFileURL(bundler).href);
  const options = { root, entry, external: kept.names, runtimeRoot, esbuild };
  const out = await bundle(options).catch(async (error: unknown) => {
    const left = error instanceof Unresolved ? error.packages.filter((name) => omitted.includes(name)) : [];
    if (left.length === 0) throw error;
    say(`The code imports ${left.join(', ')} from devDependencies`);
    await installOmitted(root);
    return bundle(options);
  });

  const packages = join(root, 'node_modules');
  const aside = join(dirname(root), 'installed-packages');
  if (await exists(packages)) {
    await rename(packages, aside);
    if (kept.names.length > 0) await mkdir(packages);
    await kept.move(aside, packages);
  }
  await rm(join(root, '.git'), { recursive: true, force: true });
  built({ entry: out, name: entry });
}
