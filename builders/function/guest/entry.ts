import { readdir, stat } from 'node:fs/promises';
import { join, normalize, relative } from 'node:path';
import { isInside, real } from './inside.ts';
import { isRecord, type PackageJson } from './package-json.ts';
import { Failed } from './say.ts';

const ENDINGS = ['.ts', '.mts', '.tsx', '.js', '.mjs', '.cjs', '.jsx'];
/** Conditions of `exports` that a function on Node goes by, in no order: the package's own order counts. */
const CONDITIONS = new Set(['node', 'import', 'module', 'module-sync', 'require', 'default']);

/**
 * Finds the source file of a function: `index.*` at the top, else what `exports` or `main` of package.json name.
 *
 * @param root real path of the tree
 * @returns its path below the root
 * @throws Failed that lists what was looked for
 */
export async function findEntry(root: string, packageJson: PackageJson | undefined): Promise<string> {
  const top = await sourceFile(root, 'index');
  if (top !== undefined) return top;
  const looked: string[] = [];
  for (const [member, path] of named(packageJson)) {
    const found = await sourceFile(root, normalize(path));
    if (found !== undefined) return found;
    looked.push(`${member} of package.json names ${path}, which is not there`);
  }
  throw await nothingFound(root, looked, packageJson !== undefined);
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

async function nothingFound(root: string, looked: string[], hasPackageJson: boolean): Promise<Failed> {
  const there = new Set(await readdir(root));
  const reasons = [
    'there is no index.ts, index.js or index.mjs (nor .mts, .cjs, .tsx, .jsx)',
    ...looked,
    ...(hasPackageJson
      ? looked.length === 0
        ? ['package.json has neither main nor exports']
        : []
      : ['there is no package.json']),
  ];
  const hint = there.has('Dockerfile')
    ? 'There is a Dockerfile: Thaw does not build from one. Add an index.ts that exports a request handler.'
    : there.has('index.html')
      ? 'There is an index.html: Thaw does not serve plain files by themselves. Add an index.ts that answers requests.'
      : 'Add an index.ts with: export default { fetch(request) { return new Response("hello") } }';
  const message = there.size === 0 ? 'The commit holds no files.' : `No function was found: ${reasons.join('; ')}.`;
  return new Failed(message, { hint });
}
