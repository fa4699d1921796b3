import { mkdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BundleOptions, bundle, Unresolved } from './bundle.ts';
import { findEntry } from './entry.ts';
import { exists, refuseLinksOut } from './inside.ts';
import { install, installOmitted } from './install.ts';
import { keptPackages } from './native.ts';
import { readPackageJson } from './package-json.ts';
import type { Built, Tell } from './say.ts';

export interface BuildOptions {
  /** Path of the tree. */
  tree: string;
  /** Where the tree will be when it runs. */
  runtimeRoot: string;
  esbuild: BundleOptions['esbuild'];
  tell: Tell;
}

/**
 * Checks the tree, finds the function in it, installs its packages, bundles it, and leaves in the tree what has to be
 * there when it runs: the bundle, and the repository's other files beside it, because code reads them by relative URL.
 *
 * @throws Failed
 */
export async function build({ tree, runtimeRoot, esbuild, tell }: BuildOptions): Promise<Built> {
  const root = await realpath(tree);
  await refuseLinksOut(root);
  const packageJson = await readPackageJson(root);
  const entry = await findEntry(root, packageJson);
  tell({ say: `Detected: function (${entry})` });
  const { omitted } = await install(root, packageJson, tell);

  tell({ say: 'Bundling' });
  const kept = await keptPackages(root, packageJson);
  const options = { root, entry, external: kept.names, runtimeRoot, esbuild, tell };
  const out = await bundle(options).catch(async (error: unknown) => {
    const left = error instanceof Unresolved ? error.packages.filter((name) => omitted.includes(name)) : [];
    if (left.length === 0) throw error;
    tell({ say: `The code imports ${left.join(', ')} from devDependencies` });
    await installOmitted(root, tell);
    return bundle(options);
  });

  const packages = join(root, 'node_modules');
  if (await exists(packages)) {
    const aside = join(dirname(root), 'installed-packages');
    await rename(packages, aside);
    if (kept.names.length > 0) await mkdir(packages);
    await kept.move(aside, packages);
  }
  await rm(join(root, '.git'), { recursive: true, force: true });
  return { entry: out, name: entry };
}
