import { step } from './command.ts';
import { isRecord, type PackageJson, packageNames } from './package-json.ts';
import { firstOf, hashOf, type Install, type Project } from './project.ts';

const QUIET = ['--no-audit', '--no-fund', '--no-progress', '--no-update-notifier', '--loglevel=error'];
/** Members of package.json that an install goes by. */
const MEMBERS = [
  ...[
    'dependencies',
    'devDependencies',
    'optionalDependencies',
    'peerDependencies',
    'peerDependenciesMeta',
    'overrides',
  ],
  ...['resolutions', 'workspaces', 'packageManager', 'engines', 'pnpm'],
];
/** Scripts of the project's own that an install runs; they may read any file. */
const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
const FILES = [
  ...['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock'],
  ...['.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml', '.pnpmfile.cjs'],
];

interface Manager {
  name: 'npm' | 'pnpm' | 'yarn';
  argv: string[];
  command: string;
}

/**
 * The install step of a project with a package.json; nothing when it names no packages. With a lockfile exactly what it
 * says. For functions `devDependencies` are left out, because they are mostly tools and the bundler needs no types.
 */
export async function npmInstall(project: Project, { dev }: { dev: boolean }): Promise<{ install?: Install }> {
  const { root, packageJson } = project;
  const members = ['dependencies', 'optionalDependencies', 'workspaces', ...(dev ? ['devDependencies'] : [])];
  const wanted = members.some((member) => {
    const value = packageJson?.[member];
    return Array.isArray(value) ? value.length > 0 : packageNames(packageJson, member).length > 0;
  });
  if (!wanted) return {};
  const manager = await managerOf(project, dev);
  const picked = MEMBERS.map((member) => [member, packageJson?.[member]]);
  const scripts = isRecord(packageJson?.scripts) ? packageJson.scripts : {};
  const readsMore = LIFECYCLE.some((name) => name in scripts) || packageJson?.workspaces !== undefined;
  const key = readsMore ? undefined : await hashOf(root, FILES, JSON.stringify(picked), manager.argv.join(' '));
  return { install: { command: manager.command, key, run: (at) => runManager(at, manager) } };
}

/** Installs the `devDependencies` too. */
export async function installOmitted(project: Project): Promise<void> {
  await runManager(project, await managerOf(project, true));
}

async function runManager({ root, env, tell }: Project, { argv, command }: Manager): Promise<void> {
  tell({ say: `Installing dependencies (${command})` });
  await step(`Installing the dependencies (${command})`, argv, {
    cwd: root,
    env: { ...env, COREPACK_ENABLE_STRICT: '0' },
    tell,
  });
}

async function managerOf({ root, packageJson, tell }: Project, dev: boolean): Promise<Manager> {
  const lock = await firstOf(root, [
    'package-lock.json',
    'npm-shrinkwrap.json',
    'pnpm-lock.yaml',
    'yarn.lock',
    'bun.lock',
  ]);
  if (lock === 'pnpm-lock.yaml') return { name: 'pnpm', ...pnpm(versionOf(packageJson, 'pnpm'), dev) };
  if (lock === 'yarn.lock') return { name: 'yarn', ...yarn(versionOf(packageJson, 'yarn'), dev) };
  if (lock === 'bun.lock')
    tell({ say: 'bun.lock is not read: npm chooses the versions. A package-lock.json would fix them.' });
  const verb = lock?.endsWith('.json') ? 'ci' : 'install';
  const argv = ['npm', verb, dev ? '--include=dev' : '--omit=dev', ...QUIET];
  return { name: 'npm', argv, command: `npm ${verb}` };
}

/** The version that `packageManager` asks for, e.g. `pnpm@10.4.1+sha512...`; undefined for another one's. */
function versionOf(packageJson: PackageJson | undefined, name: string): string | undefined {
  const asked = packageJson?.packageManager;
  const [, who, version] = /^([a-z]+)@(\d+\.\d+\.\d+)/.exec(typeof asked === 'string' ? asked : '') ?? [];
  return who === name ? version : undefined;
}

/** npm fetches the other managers, from the same registry. */
const fetched = (name: string) => ['npm', 'exec', '--yes', '--loglevel=error', '--', name];

function pnpm(version: string | undefined, dev: boolean): Omit<Manager, 'name'> {
  const flags = ['install', '--frozen-lockfile', '--reporter=append-only', ...(dev ? [] : ['--prod'])];
  return { argv: [...fetched(`pnpm@${version ?? '10'}`), ...flags], command: 'pnpm install --frozen-lockfile' };
}

/** Yarn from version 2 on is another program: @yarnpkg/cli-dist. */
function yarn(version: string | undefined, dev: boolean): Omit<Manager, 'name'> {
  if (version === undefined || version.startsWith('1.')) {
    const flags = ['install', '--frozen-lockfile', '--non-interactive', ...(dev ? [] : ['--production'])];
    return { argv: [...fetched(`yarn@${version ?? '1'}`), ...flags], command: 'yarn install --frozen-lockfile' };
  }
  const argv = ['npm', 'exec', '--yes', '--loglevel=error', `--package=@yarnpkg/cli-dist@${version}`, '--', 'yarn'];
  return { argv: [...argv, 'install', '--immutable'], command: 'yarn install --immutable' };
}
