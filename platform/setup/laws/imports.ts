import { glob, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { parseSync } from 'oxc-parser';

/** One import or re-export that a file states. */
export interface Import {
  /** File that it stands in, relative to the repository. */
  from: string;
  /** File that it leads to, likewise; or the name of a package or of a module of Node's. */
  to: string;
  kind: 'file' | 'package' | 'node';
  /** It is gone once types are stripped. */
  typeOnly: boolean;
}

/** Files whose imports are looked at. */
const SOURCES = '**/*.{ts,tsx}';

/** Reads the imports of every TypeScript file below `root`. */
export async function readImports(root: string): Promise<Import[]> {
  const imports: Import[] = [];
  const exclude = (path: string) => path.split('/').some((part) => part === 'node_modules' || part.startsWith('.'));
  for await (const file of glob(SOURCES, { cwd: root, exclude })) {
    imports.push(...importsOf(file, await readFile(join(root, file), 'utf8')));
  }
  return imports;
}

function importsOf(from: string, text: string): Import[] {
  const { module } = parseSync(from, text);
  const stated = [
    ...module.staticImports.map(({ moduleRequest, entries }) => ({
      specifier: moduleRequest.value,
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    })),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest, isType }) =>
        moduleRequest ? [{ specifier: moduleRequest.value, typeOnly: isType }] : [],
      ),
    ),
    ...module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
      const literal = /^(['"])(.*)\1$/.exec(text.slice(start, end));
      return literal?.[2] === undefined ? [] : [{ specifier: literal[2], typeOnly: false }];
    }),
  ];
  return stated.map(({ specifier, typeOnly }) => ({ from, typeOnly, ...resolve(from, specifier) }));
}

function resolve(from: string, specifier: string): Pick<Import, 'to' | 'kind'> {
  if (specifier.startsWith('.')) return { to: normalize(join(dirname(from), specifier)), kind: 'file' };
  if (specifier.startsWith('node:')) return { to: specifier, kind: 'node' };
  const parts = specifier.split('/');
  return { to: parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/'), kind: 'package' };
}
