import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { step } from './command.ts';
import { exists } from './inside.ts';
import { firstOf, type Project } from './project.ts';
import { registryOf } from './registry.ts';

const QUIET = ['--no-audit', '--no-fund', '--no-progress', '--no-update-notifier', '--loglevel=error'];
/** Outside of the tree, so that it is kept with the builder and is no part of the artifact. */
const FETCHED = join(homedir(), '.cache', 'thaw-package-managers');
const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock'];
/** A package's file in a lockfile of yarn 1, which names yarn's own registry whatever it was set to. */
const YARN_1_ORIGIN = /(?<=^ {2}resolved ")https?:\/\/[^/"]+\/(?=[^"]+\/-\/)/gm;

/** Formats of yarn's lockfile, and the newest version that leaves one as it is. Tried out: neither is documented. */
const YARN_VERSIONS: [from: number, version: string][] = [
  [10, '4'],
  [9, '4.14'],
  [7, '4.13'],
  [1, '3'],
];

/** The program that installs a project's packages. */
export interface Manager {
  name: 'npm' | 'pnpm' | 'yarn';
  /** The npm package that it is fetched from, with its version; npm itself is there. */
  from?: string;
  /** Begins with the program. */
  argv: string[];
  /** As people know it. */
  command: string;
  env: Record<string, string>;
  /** Replaced in the lockfile while it runs: addresses, and what stands for them. A build reaches the registry alone. */
  readdress?: [from: RegExp, to: string];
}

/** What is wanted of an install. */
export interface Wanted {
  /** With the devDependencies. */
  dev: boolean;
  /** Packages are directories and no links into each other, so that they can be moved one by one. */
  flat?: boolean;
}

/** By the lockfile; without one by `packageManager`, and npm otherwise. */
export async function managerOf(project: Project, wanted: Wanted): Promise<Manager> {
  const { root } = project;
  const { dev, flat = false } = wanted;
  const lock = await firstOf(root, LOCKS);
  const asked = askedFor(project);
  const name = lock === 'pnpm-lock.yaml' ? 'pnpm' : lock === 'yarn.lock' ? 'yarn' : undefined;
  const text = lock === undefined ? '' : await readFile(join(root, lock), 'utf8');
  const version = name === undefined || asked?.name === name ? asked?.version : undefined;
  if (name === 'pnpm' || (lock === undefined && asked?.name === 'pnpm')) return pnpm(version, text, { dev, flat });
  if (name === 'yarn' || (lock === undefined && asked?.name === 'yarn')) return yarn(project, version, text, dev);
  const verb = lock === undefined ? 'install' : 'ci';
  const argv = ['npm', verb, dev ? '--include=dev' : '--omit=dev', ...QUIET];
  return { name: 'npm', argv, command: `npm ${verb}`, env: {} };
}

/** Fetches the program from the registry, unless it is there, and gives back the directories that it is found in. */
export async function fetchManager({ env, signal }: Project, { from }: Manager): Promise<string[]> {
  if (from === undefined) return [];
  const [directory = ''] = programsOf(from);
  if (!(await exists(directory))) {
    const argv = ['npm', 'install', '--global', '--prefix', join(FETCHED, from), ...QUIET, from];
    await step(`Fetching ${from}`, argv, { cwd: homedir(), env, signal });
  }
  return [directory];
}

/** Directories of the manager that has installed the project: builds call it. */
export async function managerPrograms(project: Project): Promise<string[]> {
  const { from } = await managerOf(project, { dev: true });
  return from === undefined ? [] : programsOf(from);
}

const programsOf = (from: string) => [join(FETCHED, from, 'bin')];

/** `packageManager` of package.json, e.g. `pnpm@10.4.1+sha512...`. */
function askedFor({ packageJson }: Project): { name: string; version: string } | undefined {
  const value = packageJson?.packageManager;
  const [, name, version] = /^(npm|pnpm|yarn)@(\d+\.\d+\.\d+)/.exec(typeof value === 'string' ? value : '') ?? [];
  return name === undefined || version === undefined ? undefined : { name, version };
}

/** Each format of the lockfile is read by certain versions alone. */
function pnpm(asked: string | undefined, lock: string, { dev, flat }: Wanted): Manager {
  const format = Number(/^lockfileVersion:\s*'?(\d+)/m.exec(lock)?.[1] ?? 9);
  const version = asked ?? (format >= 9 ? '10' : format >= 6 ? '8' : '7');
  const frozen = lock === '' ? [] : ['--frozen-lockfile'];
  return {
    name: 'pnpm',
    from: `pnpm@${version}`,
    argv: [
      'pnpm',
      'install',
      ...frozen,
      '--reporter=append-only',
      dev ? '--prod=false' : '--prod',
      ...(flat ? ['--node-linker=hoisted'] : []),
    ],
    command: ['pnpm install', ...frozen].join(' '),
    // It would fetch itself once more.
    env: { npm_config_manage_package_manager_versions: 'false' },
  };
}

async function yarn(project: Project, asked: string | undefined, lock: string, dev: boolean): Promise<Manager> {
  const registry = await registryOf(project);
  const format = Number(/^__metadata:\s+version: (\d+)/m.exec(lock)?.[1] ?? 0);
  const version = asked ?? YARN_VERSIONS.find(([from]) => format >= from)?.[1] ?? '1';
  if (version.split('.')[0] === '1') {
    const frozen = lock === '' ? [] : ['--frozen-lockfile'];
    return {
      name: 'yarn',
      from: `yarn@${version}`,
      argv: ['yarn', 'install', ...frozen, '--non-interactive', '--no-progress', `--production=${!dev}`],
      command: ['yarn install', ...frozen].join(' '),
      env: { YARN_REGISTRY: registry },
      readdress: [YARN_1_ORIGIN, `${registry}/`],
    };
  }
  const immutable = lock === '' ? [] : ['--immutable'];
  const proxies = { YARN_HTTP_PROXY: project.env.HTTP_PROXY, YARN_HTTPS_PROXY: project.env.HTTPS_PROXY };
  return {
    name: 'yarn',
    // From version 2 on it is another package.
    from: `@yarnpkg/cli-dist@${version}`,
    argv: ['yarn', 'install', ...immutable],
    command: ['yarn install', ...immutable].join(' '),
    env: {
      ...Object.fromEntries(Object.entries(proxies).flatMap(([name, value]) => (value ? [[name, value]] : []))),
      // Its own way of loading packages keeps them outside of the tree, and every start would have to know of it.
      YARN_NODE_LINKER: 'node-modules',
      YARN_NPM_REGISTRY_SERVER: registry,
      YARN_ENABLE_IMMUTABLE_INSTALLS: lock === '' ? 'false' : 'true',
      YARN_ENABLE_TELEMETRY: 'false',
      YARN_ENABLE_GLOBAL_CACHE: 'true',
      YARN_IGNORE_PATH: 'true',
    },
  };
}
