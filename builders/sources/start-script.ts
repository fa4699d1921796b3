import { isRecord, type PackageJson } from '../guest/package-json.ts';

/** A command that is one plain call of Node: no shell is needed for it. */
const PLAIN_NODE = /^node((?:\s+[\w@%+=:,./-]+)+)$/;
/** A call of a script through a package manager, without arguments. */
const CALL = /^(?:npm|pnpm|yarn)\s+(?:(?:run|run-script)\s+)?([\w:.-]+)$/;
/** What `npm x` alone means as a script; the other two take any name. */
const NPM_VERBS = new Set(['start', 'stop', 'restart', 'test']);

/** A script of package.json; undefined when there is none. */
export function scriptOf(packageJson: PackageJson | undefined, name: string): string | undefined {
  const scripts = packageJson?.scripts;
  const script = isRecord(scripts) ? scripts[name] : undefined;
  return typeof script === 'string' && script.trim() !== '' ? script.trim() : undefined;
}

/** A script with the ones that package managers run before and after it. */
export function scriptsOf(packageJson: PackageJson | undefined, name: string): string[] {
  const script = scriptOf(packageJson, name);
  if (script === undefined) return [];
  return [scriptOf(packageJson, `pre${name}`), script, scriptOf(packageJson, `post${name}`)].flatMap(
    (one) => one ?? [],
  );
}

/**
 * What a start command comes to. Where apps run there is no package manager, and one would start two programs more, which
 * takes seconds under emulation; so `npm start` is the script itself.
 */
export function unwrapped(command: string, packageJson: PackageJson | undefined, deepest = 5): string {
  const name = CALL.exec(command)?.[1];
  if (name === undefined || deepest === 0) return command;
  if (/^npm\s+\S+$/.test(command) && !NPM_VERBS.has(name)) return command;
  const script = scriptOf(packageJson, name);
  if (script === undefined) return command;
  const before = scriptOf(packageJson, `pre${name}`);
  const start = unwrapped(script, packageJson, deepest - 1);
  return before === undefined ? start : `(${before}) && ${start}`;
}

/**
 * How a command line of the author's is started; installed programs are found as package managers would find them.
 *
 * @param programs directories that are searched first, below the tree
 */
export function startOf(script: string, runtimeRoot: string, programs: readonly string[]): string[] {
  const plain = PLAIN_NODE.exec(script)?.[1];
  if (plain !== undefined) return ['node', ...plain.trim().split(/\s+/)];
  const path = programs.map((directory) => `${runtimeRoot}/${directory}:`).join('');
  return ['sh', '-c', path === '' ? script : `export PATH="${path}$PATH"; ${script}`];
}
