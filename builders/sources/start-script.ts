import { isRecord, type PackageJson } from '../guest/package-json.ts';

/** A script that is one plain call of Node: no shell is needed for it. */
const PLAIN_NODE = /^node((?:\s+[\w@%+=:,./-]+)+)$/;

/** A script of package.json; undefined when there is none. */
export function scriptOf(packageJson: PackageJson | undefined, name: string): string | undefined {
  const scripts = packageJson?.scripts;
  const script = isRecord(scripts) ? scripts[name] : undefined;
  return typeof script === 'string' && script.trim() !== '' ? script.trim() : undefined;
}

/**
 * How a command line of the author's is started. `npm start` would start two programs more, which takes seconds under
 * emulation; installed programs are found as it would find them.
 *
 * @param programs directories that are searched first, below the tree
 */
export function startOf(script: string, runtimeRoot: string, programs: readonly string[]): string[] {
  const plain = PLAIN_NODE.exec(script)?.[1];
  if (plain !== undefined) return ['node', ...plain.trim().split(/\s+/)];
  const path = programs.map((directory) => `${runtimeRoot}/${directory}:`).join('');
  return ['sh', '-c', path === '' ? script : `export PATH="${path}$PATH"; ${script}`];
}
