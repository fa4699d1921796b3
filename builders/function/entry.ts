import { stat } from 'node:fs/promises';
import { join, normalize, relative } from 'node:path';
import { isInside, real } from '../guest/inside.ts';
import { isRecord, type PackageJson } from '../guest/package-json.ts';
import { Failed } from '../guest/say.ts';

const ENDINGS = ['.ts', '.mts', '.tsx', '.js', '.mjs', '.cjs', '.jsx'];
/** Conditions of `exports` that a function on Node goes by, in no order: the package's own order counts. */
const CONDITIONS = new Set(['node', 'import', 'module', 'module-sync', 'require', 'default']);

/**
 * Finds the source file of a function: `index.*` at the top, else what `exports` or `main` of package.json name.
 *
 * @param root real path of the tree
 * @returns its path below the root; undefined when package.json names none either
 * @throws Failed when package.json names what is not there, and nothing else says what the tree is
 */
export async function findEntry(root: string, packageJson: PackageJson | undefined): Promise<string | undefined> {
  const top = await sourceFile(root, 'index');
  if (top !== undefined) return top;
  const looked: string[] = [];
  for (const [member, path] of named(packageJson)) {
    const found = await sourceFile(root, normalize(path));
    if (found !== undefined) return found;
    looked.push(`${member} of package.json names ${path}, which is not there`);
  }
  const scripts = packageJson?.scripts;
  if (looked.length === 0 || (isRecord(scripts) && ('start' in scripts || 'build' in scripts))) return undefined;
  throw new Failed(`No function was found: ${looked.join('; ')}.`, {
    hint: 'Correct the path, or add an index.ts with: export default { fetch(request) { return new Response("hello") } }',
  });
}

function* named(packageJson: PackageJson | undefined): Generator<[member: string, path: string]> {
  const exported = exportOf(packageJson?.exports);
  if (exported !== undefined) yield ['exports', exported];
  for (const member of ['main', 'module']) {
    const path = packageJson?.[member];
    if (typeof path === 'string' && path !== '') yield [member, path];
  }
}

/** The file that `exports` gives to who imports the package itself. */
function exportOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(exportOf).find((path) => path !== undefined);
  if (!isRecord(value)) return undefined;
  if ('.' in value) return exportOf(value['.']);
  for (const [condition, inner] of Object.entries(value)) {
    const path = CONDITIONS.has(condition) ? exportOf(inner) : undefined;
    if (path !== undefined) return path;
  }
  return undefined;
}

/** The file that a path means, as Node and bundlers read it: as it stands, with an ending, or a directory's index. */
async function sourceFile(root: string, path: string): Promise<string | undefined> {
  const candidates = [
    path,
    ...ENDINGS.map((ending) => path + ending),
    ...ENDINGS.map((ending) => join(path, `index${ending}`)),
  ];
  for (const candidate of candidates) {
    const file = await real(join(root, candidate));
    if (file === undefined || !(await stat(file)).isFile()) continue;
    if (!isInside(root, file)) throw new Failed(`package.json names ${path}, which is outside the repository.`);
    return relative(root, join(root, candidate));
  }
  return undefined;
}
