import { join } from 'node:path';
import { run } from './command.ts';
import { exists } from './inside.ts';
import { type PackageJson, packageNames } from './package-json.ts';
import { Failed, type Tell } from './say.ts';

const QUIET = ['--no-audit', '--no-fund', '--no-progress', '--no-update-notifier', '--loglevel=error'];

/** What an installation left out, should the code need it after all. */
export interface Installed {
  /** Packages of `devDependencies` that are not there. */
  omitted: string[];
}

/**
 * Installs what package.json asks for: with a lockfile exactly what it names (`npm ci`), without one `npm install`.
 * `devDependencies` are left out, because they are mostly tools and the bundler needs no types; `installOmitted` fetches
 * them when an import turns out to need one.
 */
export async function install(root: string, packageJson: PackageJson | undefined, tell: Tell): Promise<Installed> {
  const wanted = ['dependencies', 'optionalDependencies', 'workspaces'].some((member) => {
    const value = packageJson?.[member];
    return Array.isArray(value) ? value.length > 0 : packageNames(packageJson, member).length > 0;
  });
  const omitted = packageNames(packageJson, 'devDependencies');
  if (wanted) await npm(root, ['--omit=dev'], tell);
  return { omitted };
}

/** Installs the `devDependencies` too. */
export async function installOmitted(root: string, tell: Tell): Promise<void> {
  await npm(root, ['--include=dev'], tell);
}

async function npm(root: string, flags: string[], tell: Tell): Promise<void> {
  const locked = (await exists(join(root, 'package-lock.json'))) || (await exists(join(root, 'npm-shrinkwrap.json')));
  const command = locked ? 'ci' : 'install';
  for (const other of ['yarn.lock', 'pnpm-lock.yaml', 'bun.lock']) {
    if (!locked && (await exists(join(root, other))))
      tell({ say: `${other} is not read: npm chooses the versions. A package-lock.json would fix them.` });
  }
  tell({ say: `Installing dependencies (npm ${command})` });
  const { code, tail } = await run(['npm', command, ...flags, ...QUIET], root);
  if (code !== 0)
    throw new Failed(`Installing the dependencies failed: npm ${command} ended with code ${code}.`, { output: tail });
  for (const output of tail) tell({ output });
}
